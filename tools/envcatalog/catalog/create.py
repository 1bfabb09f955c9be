"""`init` and `new`: files that a person would have written by hand, and that validate at once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from envcatalog.catalog.content import Content
from envcatalog.catalog.places import SETTINGS_PATH, data_folder, definition_path
from envcatalog.catalog.writing import write_file
from envcatalog.definition.reader import read_environment
from envcatalog.definition.writing.template import render_environment
from envcatalog.git.worktree import WorkTree
from envcatalog.git.write import init as git_init
from envcatalog.model.environment import DEFAULT_PLATFORM, Base, DebianBase, Environment, Python
from envcatalog.model.errors import ProblemsFound, UserError
from envcatalog.model.names import NAME_PATTERN, is_name

SETTINGS = """\
# yaml-language-server: $schema=../schemas/catalog.schema.json
# What holds for all environments of this catalog. Every key is optional; an editor explains them from the schema.

# Where images are published: HOST[:PORT]/PREFIX, or an OCI layout folder (oci:DIR).
# registry: registry.example.com/ml

# Moving names for versions, in order of promotion.
aliases: [staging, prod]
"""

IGNORED = "# what `envcat publish --registry oci:images` writes\n/images/\n"
FIRST_NAME = "example"


def init_catalog(folder: Path, *, name: str = FIRST_NAME) -> tuple[str, ...]:
    """Make a catalog with one environment; the paths written, relative to the folder.

    Raises:
        UserError: there is a catalog already; nothing is overwritten.
    """
    if (folder / "catalog").exists():
        raise UserError(f"`{folder}` holds a catalog already", "add an environment with `envcat new NAME`")
    folder.mkdir(parents=True, exist_ok=True)
    git_init(folder)
    (folder / "catalog").mkdir()
    schemas = folder / "schemas"
    schemas.mkdir(exist_ok=True)
    written = []
    for schema in sorted(data_folder("schemas").glob("*.schema.json")):
        shutil.copyfile(schema, schemas / schema.name)
        written.append(f"schemas/{schema.name}")
    write_file(folder / SETTINGS_PATH, SETTINGS.encode())
    written.append(SETTINGS_PATH)
    if not (folder / ".gitignore").exists():
        write_file(folder / ".gitignore", IGNORED.encode())
        written.append(".gitignore")
    written.append(
        new_environment(
            folder,
            name,
            description="A first environment, to be edited",
            base=DebianBase(suite="bookworm"),
            python="3.11",
            packages=("requests>=2.32,<3",),
            variables={"PYTHONUNBUFFERED": "1"},
            checks=("python -c 'import requests'",),
        )
    )
    return tuple(written)


def add_files(
    root: Path, kept: Mapping[str, str], first: Mapping[str, str], *, overwrite: bool = False
) -> tuple[str, ...]:
    """Write files of a forge that are not there; the paths written.

    Args:
        kept: path to content; one that is there and differs is replaced if `overwrite`.
        first: the same, but what is there stays as it is.

    Raises:
        UserError: a kept file is there and differs; nothing was written.
    """
    differing = [path for path in drifted(root, kept) if (root / path).exists()]
    if differing and not overwrite:
        raise UserError(
            f"`{differing[0]}` exists and is not what envcat writes",
            "commit it, use `--overwrite`, and look at the difference with `git diff`",
        )
    wanted = {path: kept[path] for path in drifted(root, kept)}
    wanted |= {path: text for path, text in first.items() if not (root / path).exists()}
    for path, text in wanted.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write_file(root / path, text.encode())
    return tuple(wanted)


def drifted(root: Path, kept: Mapping[str, str]) -> tuple[str, ...]:
    """Paths whose files are missing or hold something else."""
    return tuple(path for path, text in kept.items() if not _holds(root / path, text.encode()))


def registry_of(root: Path) -> str:
    """The registry that the catalog's settings name; empty for none, and for a folder.

    Raises:
        ProblemsFound: the settings have problems.
    """
    where = Content(WorkTree(root)).settings.registry or ""
    return "" if where.startswith("oci:") else where


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes().replace(b"\r\n", b"\n") == data


def new_environment(
    root: Path,
    name: str,
    *,
    description: str,
    base: Base,
    python: str | None = None,
    packages: Sequence[str] = (),
    apt: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    platforms: Sequence[str] = (),
    checks: Sequence[str] = (),
) -> str:
    """Write `catalog/<name>/environment.yaml`; its path relative to the root.

    Raises:
        UserError: the name is not valid, or the environment exists.
        ProblemsFound: a value is not valid; nothing was written.
    """
    environment = Environment(
        name=name,
        description=description,
        base=base,
        python=Python(version=python, packages=tuple(packages)) if python is not None else None,
        apt=tuple(apt),
        variables=tuple((variables or {}).items()),
        platforms=tuple(platforms) or (DEFAULT_PLATFORM,),
        checks=tuple(checks),
    )
    relative = new_path(root, name)
    text = render_environment(environment).encode()
    problems = read_environment(text, relative, folder=name).problems
    if problems:
        raise ProblemsFound(problems)
    write_new(root, name, text)
    return relative


def python_of(content: Content, name: str) -> str:
    """The Python version that an environment has, of its own or inherited.

    Raises:
        UserError: it has none, or there is no such environment.
    """
    for environment in reversed(content.chain(name)):
        if environment.python is not None:
            return environment.python.version
    raise UserError(f"`{name}` has no Python that packages could be installed for", "give `--python X.Y`")


def new_path(root: Path, name: str) -> str:
    """Where a new definition goes, relative to the root.

    Raises:
        UserError: the name is not valid, or the environment exists.
    """
    if not is_name(name):
        raise UserError(
            f"`{name[:80]}` is no name for an environment",
            f"names match `{NAME_PATTERN}`, 64 characters at most",
        )
    relative = definition_path(name)
    folder = (root / relative).parent
    if folder.exists() or folder.is_symlink():
        raise UserError(f"`catalog/{name}` exists already", f"edit `{relative}`")
    return relative


def write_new(
    root: Path,
    name: str,
    text: bytes,
    files: Mapping[str, bytes] | None = None,
    *,
    programs: Collection[str] = (),
) -> None:
    """Write the definition of an environment that is not there yet, all or nothing.

    Args:
        files: further files of its folder, by paths relative to it.
        programs: those of them that may be executed.
    """
    folder = (root / definition_path(name)).parent
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new.") as place:
        made = Path(place) / name
        for path, data in {**(files or {}), "environment.yaml": text}.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            write_file(made / path, data)
            if path in programs:
                (made / path).chmod(0o755)
        os.replace(made, folder)
