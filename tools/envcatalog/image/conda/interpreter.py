"""The Python of conda packages, unpacked below the cache so that it can compile here.

It finds its modules from its own place and its libraries by `$ORIGIN`, so it runs in any folder without its prefix
being replaced. Only the C library and the kernel are the machine's.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from envcatalog.formats.archives.conda_archive import CondaArchive, Member
from envcatalog.formats.archives.conda_info import BadConda
from envcatalog.image.tree import pieces
from envcatalog.model.digest import json_digest
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import CondaPackage
from envcatalog.model.plan import PythonTarget
from envcatalog.model.seams import Artefacts

_UNPACKED_FORMAT = 1  # raise when what is unpacked changes
_PYTHON = "python"
# What a process that only compiles loads: the program, libraries, and the standard library.
_NEEDED = re.compile(
    r"bin/python[0-9.]*\Z|lib/[^/]+\.so[^/]*\Z|lib/python[0-9.]+/(?!site-packages/|test/|config-)"
)


def conda_commands(
    packages: tuple[CondaPackage, ...], target: PythonTarget, artefacts: Artefacts, cache: Path
) -> Iterator[tuple[str, ...]]:
    """Commands that start the interpreter of these packages: of its own alone, then with all that it depends on."""
    alone = tuple(package for package in packages if package.name == _PYTHON)
    for needed in (alone, packages) if alone != packages else (packages,):
        yield (str(unpack(needed, artefacts, cache) / "bin" / f"python{target.version}"),)


def unpack(packages: tuple[CondaPackage, ...], artefacts: Artefacts, cache: Path) -> Path:
    """Unpack packages into a folder of the cache, once; two processes may do so at the same time.

    Raises:
        Refusal: a package is damaged or hostile.
    """
    key = json_digest({"format": _UNPACKED_FORMAT, "conda": sorted(one.sha256 for one in packages)})
    folder = cache / "interpreters" / key.removeprefix("sha256:")[:32]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    artefacts.prefetch(packages)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack-") as new:
        inside = Path(new) / "root"
        inside.mkdir()
        for package in packages:
            _unpack_one(inside, package, artefacts)
        try:
            inside.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first
                raise
    return folder


def _unpack_one(root: Path, package: CondaPackage, artefacts: Artefacts) -> None:
    # The archive's names cannot leave a folder (`formats.archives.conda_archive`). Links come last, and none leads to
    # a folder.
    links: list[tuple[Path, str]] = []
    try:
        with CondaArchive(artefacts.path(package)) as archive:
            for member in _needed(archive.members()):
                place = root / member.path
                place.parent.mkdir(parents=True, exist_ok=True)
                if member.kind == "symlink":
                    links.append((place, member.target))
                elif member.kind == "hardlink":
                    place.hardlink_to(root / member.target)
                elif member.content is not None:
                    with place.open("xb") as out:
                        out.writelines(pieces(member.content))
                    place.chmod(0o755 if member.executable else 0o644)
        for place, link in links:
            place.symlink_to(link)
    except BadConda as error:
        raise Refusal(f"`{package.file}`: {error.message}", error.hint) from None
    except FileExistsError as error:
        raise Refusal(f"`{package.file}` holds a file of another package of the interpreter") from error


def _needed(members: Iterable[Member]) -> Iterator[Member]:
    files: set[str] = set()
    for member in members:
        is_link = member.kind == "symlink"
        if not _NEEDED.match(member.path) or (is_link and "/" in member.target):
            continue
        if is_link and member.target in ("", ".", ".."):
            continue
        if member.kind == "hardlink" and member.target not in files:
            continue
        files.add(member.path)
        yield member
