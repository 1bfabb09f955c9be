"""Tars that strangers made: every size is bounded before memory is given for it, and what is odd is refused.

tarfile itself reads long names whole into memory, takes a damaged header for the archive's end, and has no bound.
A format subclasses both classes here and says with `failed` which error of its own a reader raises.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from typing import BinaryIO, Self, cast

from envcatalog.formats.archives.inflate import BadStream

MEMBER_LIMIT = 200_000
HEADER_LIMIT = 1 << 20

_LONG_HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


class StrictInfo(tarfile.TarInfo):
    """A header that is checked before tarfile believes it."""

    @staticmethod
    def failed(what: str) -> Exception:
        """The error to raise; `what` the package holds: ``a sparse file``."""
        raise NotImplementedError

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """One 512-byte block. Raises what `failed` makes where tarfile would be lenient."""
        if not buf or not any(buf):
            return super().frombuf(buf, encoding, errors)
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise cls.failed(f"a damaged tar: {error}") from None
        if info.size < 0 or (info.type in _LONG_HEADERS and info.size > HEADER_LIMIT):
            raise cls.failed("a tar header of an absurd size")
        if info.type == tarfile.GNUTYPE_SPARSE:
            raise cls.failed("a sparse file")
        return info


class StrictTar(tarfile.TarFile):
    """A tar with a bound on its members, and one kind of error."""

    _count = 0

    @staticmethod
    def failed(what: str) -> Exception:
        """The error to raise; `what` the package holds: ``a damaged tar``."""
        raise NotImplementedError

    def next(self) -> tarfile.TarInfo | None:
        """The next member. Raises what `failed` makes."""
        try:
            member = super().next()
        except (tarfile.TarError, ValueError, OverflowError) as error:
            raise type(self).failed(f"a damaged tar: {error}") from None
        self._count += 1
        if self._count > MEMBER_LIMIT:
            raise type(self).failed(f"over {MEMBER_LIMIT} files")
        if member is not None and member.size < 0:
            raise type(self).failed("a tar header of an absurd size")
        return member


def open_strict(
    stream: BinaryIO,
    tar: type[StrictTar],
    info: type[StrictInfo],
    failed: Callable[[BadStream], Exception],
) -> tarfile.TarFile:
    """A tar read from front to back.

    Args:
        stream: what comes out of the compression.
        failed: the error to raise for damage in the compression.
    """
    return tar.open(
        fileobj=cast(BinaryIO, _Guarded(stream, failed)),
        mode="r|",
        tarinfo=info,
        bufsize=1 << 18,
        encoding="utf-8",
        errors="surrogateescape",
    )


class _Guarded:
    """An inflated stream whose errors are the format's own."""

    def __init__(self, stream: BinaryIO, failed: Callable[[BadStream], Exception]) -> None:
        self._stream = stream
        self._failed = failed

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except BadStream as error:
            raise self._failed(error) from None
