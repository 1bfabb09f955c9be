"""A tar whose bytes depend on nothing but the entries: fixed time and owner, one spelling for each header.

The headers are written here and not by the standard library, whose spelling may change with Python's
version. Formats: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block". A published layer's
bytes follow from this module, so a change to what it writes needs a new `LAYER_FORMAT`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, Protocol

from envcatalog.image.paths import PATH_MAX, safe_parts, shown
from envcatalog.model.errors import Refusal

MTIME = 315532800  # 1980-01-01T00:00:00Z, the oldest time that a zip file can hold
EXECUTABLE = 0o755
PLAIN = 0o644

EntryKind = Literal["file", "symlink", "hardlink", "directory"]

_BLOCK = 512
_CHUNK = 256 * 1024
_USTAR_NAME = 100
_USTAR_SIZE = 8 * 1024**3
_FINGERPRINT_MAX = 1024 * 1024
_TYPES: dict[EntryKind, bytes] = {"file": b"0", "hardlink": b"1", "symlink": b"2", "directory": b"5"}


class Sink(Protocol):
    """Where the tar goes."""

    def write(self, data: bytes, /) -> object:
        """Take all of the bytes."""


class Source(Protocol):
    """A stream that a file's content is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was written at one path.

    Attributes:
        content: says whether two entries are the same: mode and SHA-256 of a file of at most 1 MiB (hashing
            all would cost a tenth of the build), the target of a symbolic link; empty where it is not told.
        owner: the package it is from, for people; empty when the caller did not say.
    """

    path: str
    kind: EntryKind
    content: str = ""
    owner: str = ""


class TarWriter:
    """Writes entries in strictly increasing order of their path components; parents are added where missing.

    ``a/b`` comes before ``a-b``, since ``("a", "b") < ("a-b",)``: sort by ``path.split("/")``.
    Use it as a context manager: the end of the archive is written only when the block did not raise.

    Every method raises:
        Refusal: a path that could leave the image's root, means something else than a file (whiteouts), is
            there twice, or lies below something that is no directory; content of another size than announced.
        ValueError: entries out of order, which is a mistake of the caller.
    """

    def __init__(self, out: Sink) -> None:
        self._out = out
        self._last: tuple[str, ...] = ()
        self._last_is_directory = True
        self._entries: dict[str, Entry] = {}
        self._executable: set[str] = set()

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None:
            self.close()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All that was written, parents included, in order."""
        return tuple(self._entries.values())

    def directory(self, path: str, mode: int = EXECUTABLE, *, uid: int = 0, gid: int = 0) -> None:
        """A directory; only needed for one that is empty or has an unusual mode or owner."""
        self._begin(path, is_directory=True)
        self._header(path, "directory", mode, uid, gid)
        self._entries[path] = Entry(path=path, kind="directory")

    def file(
        self,
        path: str,
        size: int,
        content: bytes | Source,
        *,
        executable: bool = False,
        mode: int | None = None,
        uid: int = 0,
        gid: int = 0,
        owner: str = "",
    ) -> None:
        """A regular file; `content` must hold exactly `size` bytes and is read in pieces."""
        self._begin(path, is_directory=False)
        chosen = mode if mode is not None else EXECUTABLE if executable else PLAIN
        self._header(path, "file", chosen, uid, gid, size=size)
        if chosen == EXECUTABLE:
            self._executable.add(path)
        digest = (
            self._bytes(path, size, content)
            if isinstance(content, bytes)
            else self._stream(path, size, content)
        )
        self._out.write(bytes(-size % _BLOCK))
        fingerprint = f"{chosen:o} {digest}" if digest else ""
        self._entries[path] = Entry(path=path, kind="file", content=fingerprint, owner=owner)

    def symlink(self, path: str, target: str, *, owner: str = "") -> None:
        """A symbolic link; its target may be anything, since it is followed inside the container only."""
        self._begin(path, is_directory=False)
        if not target or "\0" in target or len(target.encode()) > PATH_MAX:
            raise Refusal(f"the symbolic link `{shown(path)}` has no usable target")
        self._header(path, "symlink", 0o777, 0, 0, target=target)
        self._entries[path] = Entry(path=path, kind="symlink", content=target, owner=owner)

    def hardlink(self, path: str, target: str, *, owner: str = "") -> None:
        """Another name of a file that was written before it, in the same tar."""
        self._begin(path, is_directory=False)
        first = self._entries.get(target)
        if first is None or first.kind != "file":
            raise Refusal(
                f"the hard link `{shown(path)}` names `{shown(target)}`, which is no file before it"
            )
        # Engines give the shared file the mode that its last name says.
        self._header(
            path, "hardlink", EXECUTABLE if target in self._executable else PLAIN, 0, 0, target=target
        )
        self._entries[path] = Entry(path=path, kind="hardlink", content=first.content, owner=owner)

    def close(self) -> None:
        """Write the end of the archive."""
        self._out.write(bytes(2 * _BLOCK))

    def _begin(self, path: str, *, is_directory: bool) -> None:
        parts = safe_parts(path)
        last = self._last
        if parts == last or path in self._entries:
            raise Refusal(f"`{shown(path)}` is in one layer twice")
        if parts < last:
            raise ValueError(f"{path!r} was added after {'/'.join(last)!r}")
        common = _common(parts[:-1], last)
        if common == len(last) and not self._last_is_directory:
            raise Refusal(f"`{shown(path)}` lies below `{shown('/'.join(last))}`, which is no directory")
        for depth in range(common + 1, len(parts)):
            parent = "/".join(parts[:depth])
            self._header(parent, "directory", EXECUTABLE, 0, 0)
            self._entries[parent] = Entry(path=parent, kind="directory")
        self._last = parts
        self._last_is_directory = is_directory

    def _header(
        self, path: str, kind: EntryKind, mode: int, uid: int, gid: int, *, size: int = 0, target: str = ""
    ) -> None:
        name = (path + "/" if kind == "directory" else path).encode()
        link = target.encode()
        pax = b""
        if len(link) > _USTAR_NAME or not link.isascii():
            pax += _pax_record(b"linkpath", link)
        if len(name) > _USTAR_NAME or not name.isascii():
            pax += _pax_record(b"path", name)
        if size >= _USTAR_SIZE:
            pax += _pax_record(b"size", b"%d" % size)
            size = 0
        if pax:
            self._out.write(_ustar(b"PaxHeader", b"x", PLAIN, 0, 0, len(pax), b""))
            self._out.write(pax + bytes(-len(pax) % _BLOCK))
        self._out.write(_ustar(_plain(name), _TYPES[kind], mode, uid, gid, size, _plain(link)))

    def _bytes(self, path: str, size: int, content: bytes) -> str:
        if len(content) != size:
            raise _wrong_size(path, size)
        self._out.write(content)
        return hashlib.sha256(content).hexdigest() if size <= _FINGERPRINT_MAX else ""

    def _stream(self, path: str, size: int, content: Source) -> str:
        if size <= _FINGERPRINT_MAX:
            return self._bytes(path, size, _read(content, size + 1))
        left = size
        # One more byte than announced is asked for: a stream that goes on is as wrong as a short one.
        while chunk := content.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            self._out.write(chunk)
        if left:
            raise _wrong_size(path, size)
        return ""


def _read(content: Source, size: int) -> bytes:
    pieces = []
    while size and (chunk := content.read(size)):
        pieces.append(chunk)
        size -= len(chunk)
    return b"".join(pieces)


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count


def _pax_record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while length != len(body) + len(str(length)):  # the length counts its own digits
        length = len(body) + len(str(length))
    return str(length).encode() + body


def _ustar(name: bytes, kind: bytes, mode: int, uid: int, gid: int, size: int, link: bytes) -> bytes:
    # Fields in order; the checksum is computed as if its own field were blanks.
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode & 0o7777, uid, gid, size, MTIME)
    start = name.ljust(_USTAR_NAME, b"\0") + numbers
    end = kind + link.ljust(_USTAR_NAME, b"\0") + b"ustar\x0000" + bytes(247)
    checksum = sum(start) + sum(end) + 8 * ord(" ")
    return start + b"%06o\0 " % checksum + end


def _plain(name: bytes) -> bytes:
    return name[:_USTAR_NAME] if name.isascii() else name.decode().encode("ascii", "replace")[:_USTAR_NAME]


def _wrong_size(path: str, size: int) -> Refusal:
    return Refusal(f"`{shown(path)}` does not hold the {size} bytes that its package announces")
