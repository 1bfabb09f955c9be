"""One conda package as the files that an installer would leave in `/opt/env`."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from envcatalog.formats.archives.conda_archive import CondaArchive, Member
from envcatalog.formats.archives.conda_info import BadConda, CondaInfo, EntryPoint, PathEntry
from envcatalog.image.conda.history import META
from envcatalog.image.conda.prefix import replace_binary, replace_text
from envcatalog.image.paths import shown
from envcatalog.image.prefix import BIN, PREFIX
from envcatalog.image.tree import Bytes, Content, Directory, File, Link, Node, Spool
from envcatalog.image.wheels import launcher
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import CondaPackage
from envcatalog.model.plan import PythonTarget
from envcatalog.model.seams import Artefacts

_RECORD = re.compile(rf"{META}/([^/]+\.json|history)\Z")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """One file of a package, at its place.

    Attributes:
        path: in the image, without a leading slash.
        entry: what the package says of it; None for the program of an entry point.
        raw: its content before the prefix was replaced; None for what is no regular file.
    """

    path: str
    node: Node
    entry: PathEntry | None
    raw: Content | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A package: what it says of itself, and its files in its own order."""

    package: CondaPackage
    info: CondaInfo
    files: tuple[Placed, ...]


def unpack(
    package: CondaPackage, artefacts: Artefacts, target: PythonTarget | None, *, raw: Spool, fresh: Spool
) -> Unpacked:
    """Read a package.

    Args:
        target: the environment's Python; None where the package has nothing to do with one.
        raw: takes what the archive holds; a file of which the prefix is replaced goes to `fresh`, too.

    Raises:
        Refusal: the package is damaged, hostile, or another one; or it is for Python and there is none.
    """
    try:
        with CondaArchive(artefacts.path(package)) as archive:
            nodes = _nodes(archive, package, raw)
            info = archive.info()
        _check(package, info, target)
        files = tuple(_placed(package, info, nodes, target, fresh))
    except BadConda as error:
        raise Refusal(f"`{package.file}`: {error.message}", error.hint) from None
    except tarfile.TarError as error:
        raise Refusal(f"`{package.file}` holds a damaged tar: {error}") from None
    return Unpacked(package=package, info=info, files=files)


def library(target: PythonTarget) -> str:
    """The folder of the interpreter's modules, without a leading slash."""
    return f"{PREFIX}/lib/python{target.version}"


def _nodes(archive: CondaArchive, package: CondaPackage, raw: Spool) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for member in archive.members():
        found[member.path] = _node(member, package.file, found, raw)
    return found


def _node(member: Member, owner: str, before: dict[str, Node], raw: Spool) -> Node:
    if member.kind == "directory":
        return Directory(mode=0o755, owner=owner)
    if member.kind == "symlink":
        return Link(target=member.target, owner=owner)
    if member.kind == "hardlink":
        return before[member.target]
    assert member.content is not None
    return File(content=raw.add(member.content), owner=owner, executable=member.executable)


def _check(package: CondaPackage, info: CondaInfo, target: PythonTarget | None) -> None:
    said = tuple(info.index[field] for field in ("name", "version", "build"))
    if said != (package.name, package.version, package.build):
        raise BadConda(
            f"it is the package `{shown('-'.join(said))}` and not `{package.name}-{package.version}-{package.build}`"
        )
    if info.noarch == "python" and target is None:
        raise BadConda("it is for Python, and the environment has none")
    # A free-threaded Python has a folder of its own, and its packages are found nowhere else.
    modules = info.index.get("python_site_packages_path")
    if (
        modules
        and target is not None
        and modules != f"{library(target)}/site-packages".removeprefix(f"{PREFIX}/")
    ):
        raise BadConda(f"its modules are in `{shown(modules)}`, which is not supported")


def _placed(
    package: CondaPackage,
    info: CondaInfo,
    nodes: dict[str, Node],
    target: PythonTarget | None,
    fresh: Spool,
) -> Iterator[Placed]:
    # One content that is replaced in one way stays one file with two names.
    made: dict[tuple[int, str, str], File] = {}
    for entry in info.paths:
        path = _place(entry.path, info, target)
        if target is not None and _is_cache(path, target):
            continue  # nobody can tell what is in them; ours take their place
        if _RECORD.match(path):
            raise BadConda(f"`{shown(entry.path)}` would replace a record of the environment")
        node = nodes.get(entry.path)
        if node is None and entry.kind == "directory":
            node = Directory(mode=0o755, owner=package.file)
        if node is None:
            raise BadConda(f"it lists `{shown(entry.path)}`, which it does not hold")
        if not isinstance(node, File):
            yield Placed(path=path, node=node, entry=entry)
            continue
        key = (id(node), entry.placeholder, entry.mode)
        if entry.placeholder and key not in made:
            made[key] = _relocated(node, entry, fresh)
        yield Placed(path=path, node=made.get(key, node), entry=entry, raw=node.content)
    for point in info.entry_points:
        yield _program(point, package.file)


def _place(path: str, info: CondaInfo, target: PythonTarget | None) -> str:
    if info.noarch != "python":
        return f"{PREFIX}/{path}"
    assert target is not None
    top, slash, rest = path.partition("/")
    if slash and top == "site-packages":
        return f"{library(target)}/{path}"
    if slash and top == "python-scripts":
        return f"{BIN}/{rest}"
    return f"{PREFIX}/{path}"


def _is_cache(path: str, target: PythonTarget) -> bool:
    return path.startswith(library(target) + "/") and "__pycache__" in path.split("/")


def _relocated(node: File, entry: PathEntry, fresh: Spool) -> File:
    old, new = entry.placeholder.encode(), f"/{PREFIX}".encode()
    replace = replace_binary if entry.mode == "binary" else replace_text
    try:
        with node.content.open() as stream:
            content = fresh.add(_Pieces(replace(stream, old, new)))
    except Refusal as error:
        raise BadConda(f"`{shown(entry.path)}` cannot be relocated: {error.message}") from None
    return File(content=content, owner=node.owner, executable=node.executable)


def _program(point: EntryPoint, owner: str) -> Placed:
    text = Bytes(launcher(point.module, point.call).encode())
    return Placed(
        path=f"{BIN}/{point.name}", node=File(content=text, owner=owner, executable=True), entry=None
    )


class _Pieces:
    """Pieces as a stream; a read may give more than was asked for, which whoever copies does not mind."""

    def __init__(self, found: Iterator[bytes]) -> None:
        self._found = found

    def read(self, size: int, /) -> bytes:  # noqa: ARG002
        return next((piece for piece in self._found if piece), b"")
