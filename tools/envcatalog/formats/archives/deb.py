"""Debian binary packages (``.deb``): the control files as values, the data as a stream; nothing is unpacked.

Sources: deb(5) for the ar container and its members, deb-control(5) for the fields. A package file is hostile
until proven otherwise: every size that comes from the file is bounded before memory is given for it.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from envcatalog.formats.archives.inflate import BadStream, open_inflated
from envcatalog.formats.archives.tar_strict import StrictInfo, StrictTar, open_strict

CONTROL_LIMIT = 16 << 20
DATA_LIMIT = 16 << 30
SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "triggers", "config")

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER = 60


class BadDeb(Exception):
    """The file is no Debian package, or one that no honest tool would have made."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class DebArchive:
    """One ``.deb`` file, opened for reading.

    Args:
        source: the file, or where it is.

    Raises:
        BadDeb: by the constructor and by every method, when the file's structure is not that of deb(5), a
            compression is not known here, or a bound is exceeded.
        OSError: the file cannot be read.
    """

    def __init__(self, source: Path | BinaryIO) -> None:
        self._file: BinaryIO = source.open("rb") if isinstance(source, Path) else source
        self._name = Path(self._file.name).name
        self._control_files: dict[str, bytes] | None = None
        try:
            self._control, self._data = _members(self._file)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; streams from `data` end with it."""
        self._file.close()

    def control(self) -> dict[str, str]:
        """The fields of the ``control`` file, continuation lines joined with newlines."""
        return parse_paragraph(self._control_file("control", required=True))

    def scripts(self) -> dict[str, bytes]:
        """Those of `SCRIPTS` that the package has."""
        found = self._read_control()
        return {name: found[name] for name in SCRIPTS if name in found}

    def md5sums(self) -> bytes:
        """The ``md5sums`` file; empty when there is none."""
        return self._control_file("md5sums")

    def conffiles(self) -> tuple[str, ...]:
        """Absolute paths of the configuration files; ``remove-on-upgrade`` lines are left out."""
        lines = self._control_file("conffiles").decode(errors="replace").splitlines()
        return tuple(line.strip() for line in lines if line.startswith("/"))

    def data(self) -> tarfile.TarFile:
        """A stream over the packaged files: one pass, in order. Raises BadDeb, or tarfile.ReadError where a
        file's content is shorter than its header says.
        """
        return self._tar(self._data, DATA_LIMIT)

    def _control_file(self, name: str, *, required: bool = False) -> bytes:
        found = self._read_control()
        if required and name not in found:
            raise BadDeb(f"`{self._name}` has no `{name}` file")
        return found.get(name, b"")

    def _read_control(self) -> dict[str, bytes]:
        if self._control_files is None:
            found: dict[str, bytes] = {}
            with self._tar(self._control, CONTROL_LIMIT) as tar:
                for member in tar:
                    if not member.isreg():
                        continue
                    stream = tar.extractfile(member)
                    assert stream is not None
                    found[member.name.removeprefix("./")] = stream.read()
            self._control_files = found
        return self._control_files

    def _tar(self, member: _Member, limit: int) -> tarfile.TarFile:
        self._file.seek(member.offset)
        try:
            stream = open_inflated(self._file, member.suffix, stored=member.size, limit=limit)
            return open_strict(stream, _Tar, _Info, self._damaged)
        except BadStream as error:
            raise self._damaged(error) from None
        except tarfile.TarError as error:
            raise BadDeb(f"`{self._name}` holds a damaged tar: {error}") from None

    def _damaged(self, error: BadStream) -> BadDeb:
        return BadDeb(f"`{self._name}`: {error.message}", error.hint)


def parse_paragraph(data: bytes) -> dict[str, str]:
    """One deb822 paragraph.

    Raises:
        BadDeb: a line is neither a field nor a continuation, or a field is there twice.
    """
    fields: dict[str, str] = {}
    name = ""
    for line in data.decode(errors="replace").split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] in " \t":
            if not name:
                raise BadDeb("the control file begins with a continuation line")
            fields[name] += "\n" + line[1:].rstrip()
            continue
        name, colon, value = line.partition(":")
        if not colon or not name or name in fields:
            raise BadDeb(f"the control file has a malformed line `{line[:80]}`")
        fields[name] = value.strip()
    return fields


class _Member:
    """Where a tar lies inside the ar container; `suffix` is its compression (``.xz``), empty for none."""

    __slots__ = ("offset", "size", "suffix")

    def __init__(self, offset: int, size: int, suffix: str) -> None:
        self.offset = offset
        self.size = size
        self.suffix = suffix


def _members(file: BinaryIO) -> tuple[_Member, _Member]:
    """The control and the data tar, in the order that deb(5) demands."""
    if file.read(len(_AR_MAGIC)) != _AR_MAGIC:
        raise BadDeb("the file is not a Debian package: it is no ar archive")
    name, offset, size = _next_member(file)
    if name != "debian-binary" or size > 64 or not file.read(size).startswith(b"2."):
        raise BadDeb("the file is not a Debian package of format 2")
    file.seek(offset + size + size % 2)
    control = _expect(file, "control.tar")
    data = _expect(file, "data.tar")
    return control, data


def _expect(file: BinaryIO, stem: str) -> _Member:
    name, offset, size = _next_member(file)
    while name.startswith("_"):
        # deb(5): members whose name starts with an underscore are extensions that a reader skips.
        file.seek(offset + size + size % 2)
        name, offset, size = _next_member(file)
    if name != stem and not name.startswith(stem + "."):
        raise BadDeb(f"the Debian package holds `{name}` where `{stem}` belongs")
    file.seek(0, 2)
    if offset + size > file.tell():
        raise BadDeb("the Debian package is cut off")
    file.seek(offset + size + size % 2)
    return _Member(offset, size, name[len(stem) :])


def _next_member(file: BinaryIO) -> tuple[str, int, int]:
    """Name, offset of the content and size; the file stands at the content afterwards."""
    header = file.read(_AR_HEADER)
    if len(header) < _AR_HEADER:
        raise BadDeb("the Debian package is cut off")
    size = header[48:58].rstrip(b" ")
    if header[58:60] != b"`\n" or not size.isdigit():
        raise BadDeb("the Debian package has a damaged ar header")
    name = header[:16].rstrip(b" ").removesuffix(b"/").decode("ascii", "replace")
    return name, file.tell(), int(size)


def _failed(what: str) -> BadDeb:
    return BadDeb(f"the Debian package holds {what}")


class _Info(StrictInfo):
    failed = staticmethod(_failed)


class _Tar(StrictTar):
    failed = staticmethod(_failed)
