"""The members of a wheel, read straight from the zip: once through its directory, then each member alone.

`zipfile` reads the directory. The members are inflated here, the small ones by libdeflate (three times as fast), the
large ones as a stream, and no file stays open in between, so that a layer of a thousand wheels needs one descriptor.
A wheel is hostile until proven otherwise: names, types and sizes are checked before anything is inflated.

Sources: "Binary distribution format" of the PyPA specifications; APPNOTE.TXT 6.3.10, sections 4.3.7 and 4.4.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from envcatalog.image.paths import safe_parts, shown
from envcatalog.image.tar import Source
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Wheel

AT_ONCE = 4 * 1024 * 1024  # bytes; members up to this size are inflated in one piece
MEMBERS_MAX = 200_000
EXPANSION_MAX = 100  # times the wheel's own size; the densest real ones stay below 20
EXPANSION_FREE = 256 * 1024 * 1024  # bytes that any wheel may expand to

_LOCAL_HEADER = 30
_CHUNK = 256 * 1024
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file of a wheel; implements `tree.Content`.

    Attributes:
        name: path inside the wheel, safe.
        size: of the content in bytes, as the zip's directory says; the content is checked against it.
    """

    archive: WheelArchive
    name: str
    size: int
    executable: bool
    packed: int
    offset: int
    crc: int
    deflated: bool

    @contextmanager
    def open(self) -> Iterator[Source]:
        """A stream over the content; Refusal when the content is not what the directory says."""
        with self.archive.path.open("rb") as file:
            self._seek(file)
            if self.size <= AT_ONCE and self.packed <= 2 * AT_ONCE:
                yield BytesIO(self._whole(file))
            else:
                yield _Inflating(self, file)

    def read(self) -> bytes:
        """The content of a member of at most `AT_ONCE` bytes."""
        assert self.size <= AT_ONCE
        with self.open() as stream:
            return stream.read(self.size)

    def damaged(self) -> Refusal:
        """The error for a content that is not what the zip's directory says."""
        return Refusal(f"`{shown(self.name)}` in `{self.archive.file}` is damaged")

    def _seek(self, file: BinaryIO) -> None:
        file.seek(self.offset)
        header = file.read(_LOCAL_HEADER)
        if len(header) != _LOCAL_HEADER or header[:4] != b"PK\3\4":
            raise self.damaged()
        name = file.read(int.from_bytes(header[26:28], "little"))
        # Two names for one file are how a zip shows one content to a scanner and another to an installer.
        if name not in (self.name.encode(), self.name.encode("cp437", "replace")):
            raise self.damaged()
        file.seek(int.from_bytes(header[28:30], "little"), 1)

    def _whole(self, file: BinaryIO) -> bytes:
        import deflate

        data = file.read(self.packed)
        if self.deflated:
            try:
                data = bytes(deflate.deflate_decompress(data, self.size))
            except (deflate.DeflateError, ValueError):
                raise self.damaged() from None
        if len(data) != self.size or deflate.crc32(data) != self.crc:
            raise self.damaged()
        return data


class WheelArchive:
    """A wheel file, checked.

    Attributes:
        file: its name, for people and in messages.
        members: in the order of the zip, without folders.
        info: name of the ``.dist-info`` folder.

    Raises:
        Refusal: by the constructor, when the file is no zip or no honest installer would take it.
    """

    def __init__(self, path: Path, wheel: Wheel) -> None:
        self.path = path
        self.file = wheel.file
        self.members = tuple(self._read_directory())
        self.by_name = {member.name: member for member in self.members}
        if len(self.by_name) != len(self.members):
            raise Refusal(f"`{self.file}` holds one name twice")
        self.info = self._find_info(wheel)

    def text(self, name: str) -> str | None:
        """A file of the ``.dist-info`` folder as UTF-8; None when there is none. Refusal when not readable."""
        member = self.by_name.get(f"{self.info}/{name}")
        if member is None:
            return None
        if member.size > AT_ONCE * 4:
            raise Refusal(f"`{shown(member.name)}` in `{self.file}` is too large")
        with member.open() as stream:
            data = b"".join(iter(lambda: stream.read(_CHUNK), b""))
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Refusal(f"`{shown(member.name)}` in `{self.file}` is not UTF-8") from None

    def _read_directory(self) -> Iterator[Member]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError):
            raise Refusal(f"`{self.file}` is no zip file, or a damaged one") from None
        if len(infos) > MEMBERS_MAX:
            raise Refusal(f"`{self.file}` holds over {MEMBERS_MAX} files")
        self._check_expansion(sum(info.file_size for info in infos))
        for info in infos:
            if not info.is_dir():
                yield self._member(info)

    def _check_expansion(self, total: int) -> None:
        size = self.path.stat().st_size
        if total > max(EXPANSION_FREE, EXPANSION_MAX * size):
            raise Refusal(f"`{self.file}` has {size} bytes but says that it expands to {total}")

    def _member(self, info: zipfile.ZipInfo) -> Member:
        if info.orig_filename != info.filename:
            raise Refusal(f"`{self.file}` holds the malformed name `{shown(info.orig_filename)}`")
        try:
            safe_parts(info.filename)
        except Refusal as refusal:
            raise Refusal(f"`{self.file}`: {refusal.message}") from None
        if info.header_offset < 0:
            raise Refusal(f"`{self.file}` is no zip file, or a damaged one")
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise Refusal(f"`{shown(info.filename)}` in `{self.file}` is not a regular file")
        if info.flag_bits & _ENCRYPTED or info.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise Refusal(
                f"`{shown(info.filename)}` in `{self.file}` is encrypted or compressed in an unusual way"
            )
        return Member(
            archive=self,
            name=info.filename,
            size=info.file_size,
            # As pip and `installer` read it: the mode counts only where the zip says what kind of file it is.
            executable=bool(stat.S_ISREG(mode) and mode & 0o111),
            packed=info.compress_size,
            offset=info.header_offset,
            crc=info.CRC,
            deflated=info.compress_type == zipfile.ZIP_DEFLATED,
        )

    def _find_info(self, wheel: Wheel) -> str:
        from packaging.utils import canonicalize_name

        tops = {member.name.partition("/")[0] for member in self.members}
        infos = sorted(top for top in tops if top.endswith(".dist-info"))
        if len(infos) != 1:
            raise Refusal(f"`{self.file}` holds {len(infos)} `.dist-info` folders instead of one")
        name = infos[0].removesuffix(".dist-info").rpartition("-")[0]
        if canonicalize_name(name) != canonicalize_name(wheel.name):
            raise Refusal(f"`{self.file}` holds `{shown(infos[0])}`, which is of another package")
        return infos[0]


class _Inflating:
    """A member as a stream; its size and checksum are verified when its end is reached."""

    def __init__(self, member: Member, file: BinaryIO) -> None:
        self._member = member
        self._file = file
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if member.deflated else None
        self._packed = member.packed
        self._left = member.size
        self._crc = 0

    def read(self, size: int, /) -> bytes:
        data = self._next(min(size, _CHUNK)) if size else b""
        self._left -= len(data)
        self._crc = zlib.crc32(data, self._crc)
        ended = size and not data
        if self._left < 0 or (ended and self._left) or (not self._left and self._crc != self._member.crc):
            raise self._member.damaged()
        return data

    def _next(self, size: int) -> bytes:
        if self._inflate is None:
            return self._input(size)
        try:
            while not self._inflate.eof:
                packed = self._inflate.unconsumed_tail or self._input(_CHUNK)
                data = self._inflate.decompress(packed, size)
                if data or not packed:
                    return data
        except zlib.error:
            raise self._member.damaged() from None
        return b""

    def _input(self, size: int) -> bytes:
        data = self._file.read(min(size, self._packed))
        self._packed -= len(data)
        return data
