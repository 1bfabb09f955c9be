"""What a layer will hold: contributions of several packages, merged before the first byte is written.

A tar is written in one sorted order while packages come one after the other, so contents are only named here
(`Content`) and read when their turn comes. What two packages both claim is accepted only when it is the same.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Protocol, Self, cast

from envcatalog.image.paths import safe_parts, shown
from envcatalog.image.tar import Source, TarWriter
from envcatalog.model.errors import Refusal

_SPOOL_IN_MEMORY = 4 * 1024 * 1024
_CHUNK = 256 * 1024


class Content(Protocol):
    """The bytes of a file, wherever they are."""

    @property
    def size(self) -> int:
        """In bytes."""

    def open(self) -> AbstractContextManager[Source]:
        """A stream over exactly `size` bytes; may be opened more than once."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """Content that is small enough to be held."""

    data: bytes

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.data)

    def open(self) -> AbstractContextManager[Source]:
        """A stream over the bytes."""
        return nullcontext(BytesIO(self.data))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class File:
    """A regular file. The same object at two paths is one file with two names (a hard link)."""

    content: Content
    owner: str
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A symbolic link."""

    target: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A directory that a package names, because it is empty or for its mode."""

    mode: int
    owner: str


Node = File | Link | Directory


class Tree:
    """Paths (relative, ``/`` between the components) and what is to be there.

    Adding raises:
        Refusal: the path is not safe (`safe_parts`), or another package has something else there.
    """

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, ...], Node] = {}

    def add(self, path: str, node: Node) -> None:
        """Put `node` at `path`; the first of two equal ones stays."""
        parts = safe_parts(path)
        there = self._nodes.setdefault(parts, node)
        if there is node or _same(there, node):
            return
        if there.owner == node.owner:
            raise Refusal(f"`{node.owner}` holds `{shown(path)}` twice")
        raise Refusal(
            f"`{there.owner}` and `{node.owner}` both hold `{shown(path)}`, with different contents",
            "remove one of the two packages",
        )

    def node(self, path: str) -> Node | None:
        """What is at `path`."""
        return self._nodes.get(tuple(path.split("/")))

    def items(self) -> Iterator[tuple[str, Node]]:
        """All paths in order."""
        for parts in sorted(self._nodes):
            yield "/".join(parts), self._nodes[parts]

    def files(self) -> Iterator[tuple[str, File]]:
        """The regular files in order."""
        for path, node in self.items():
            if isinstance(node, File):
                yield path, node

    def write(self, tar: TarWriter) -> None:
        """Write all, in order. Raises Refusal where a file is also another file's folder."""
        names: dict[int, str] = {}
        for parts in sorted(self._nodes):
            node = self._nodes[parts]
            self._check_parents(parts, node)
            path = "/".join(parts)
            if isinstance(node, Directory):
                tar.directory(path, node.mode)
            elif isinstance(node, Link):
                tar.symlink(path, node.target, owner=node.owner)
            elif id(node) in names:
                tar.hardlink(path, names[id(node)], owner=node.owner)
            else:
                names[id(node)] = path
                _write_file(tar, path, node)

    def _check_parents(self, parts: tuple[str, ...], node: Node) -> None:
        # The writer refuses this as well, but knows only the entry just before and no package.
        for depth in range(len(parts) - 1, 0, -1):
            parent = self._nodes.get(parts[:depth])
            if parent is not None and not isinstance(parent, Directory):
                raise Refusal(
                    f"`{shown('/'.join(parts))}` of `{node.owner}` lies below a file of `{parent.owner}`"
                )


class Spool:
    """Contents in a temporary file (in memory while they are few), for what comes in another order than it goes."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_SPOOL_IN_MEMORY)  # noqa: SIM115 - closed by close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the space back; the contents are gone with it."""
        self._file.close()

    def add(self, stream: Source) -> Spooled:
        """Take all of a stream."""
        start = self._file.seek(0, 2)
        shutil.copyfileobj(cast("IO[bytes]", stream), self._file, _CHUNK)
        return Spooled(spool=self, offset=start, size=self._file.tell() - start)

    def read_at(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on."""
        self._file.seek(offset)
        return self._file.read(size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A part of a spool."""

    spool: Spool
    offset: int
    size: int

    def open(self) -> AbstractContextManager[Source]:
        """A stream with a position of its own."""
        return nullcontext(_Part(self))


class _Part:
    def __init__(self, part: Spooled) -> None:
        self._part = part
        self._done = 0

    def read(self, size: int, /) -> bytes:
        part = self._part
        data = part.spool.read_at(part.offset + self._done, min(size, part.size - self._done))
        self._done += len(data)
        return data


def read_all(content: Content) -> bytes:
    """The whole of a content that is known to be small."""
    with content.open() as stream:
        return b"".join(pieces(stream))


def pieces(stream: Source) -> Iterable[bytes]:
    """A stream in pieces of at most 256 KiB."""
    return iter(lambda: stream.read(_CHUNK), b"")


def _write_file(tar: TarWriter, path: str, node: File) -> None:
    content = node.content
    if isinstance(content, Bytes):
        tar.file(path, content.size, content.data, executable=node.executable, owner=node.owner)
        return
    with content.open() as stream:
        tar.file(path, content.size, stream, executable=node.executable, owner=node.owner)


def _same(one: Node, other: Node) -> bool:
    if one.owner == other.owner and not isinstance(one, Directory):
        return False  # one package that names a file twice has no meaning that all tools agree on
    if isinstance(one, Directory) and isinstance(other, Directory):
        return True
    if isinstance(one, Link) and isinstance(other, Link):
        return one.target == other.target
    if isinstance(one, File) and isinstance(other, File):
        return one.executable == other.executable and _same_bytes(one.content, other.content)
    return False


def _same_bytes(one: Content, other: Content) -> bool:
    if one.size != other.size:
        return False
    with one.open() as left, other.open() as right:
        # Both are read in pieces of one size, which only the last is shorter than.
        for piece in pieces(_Full(left)):
            if piece != read_exactly(right, len(piece)):
                return False
    return True


class _Full:
    """A stream whose reads are short at its end only."""

    def __init__(self, stream: Source) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        return read_exactly(self._stream, size)


def read_exactly(stream: Source, size: int) -> bytes:
    """Exactly `size` bytes, fewer only at the end."""
    found = []
    while size and (piece := stream.read(size)):
        found.append(piece)
        size -= len(piece)
    return b"".join(found)
