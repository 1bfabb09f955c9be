"""Decompression with bounds: of what is stored, of what comes out, and of the memory in between."""

from __future__ import annotations

import bz2
import io
import lzma
import sys
import zlib
from typing import Any, BinaryIO, Protocol, cast

XZ_MEMORY = 160 << 20  # `xz -9` needs 65 MiB; the largest dictionary in use by Debian is 64 MiB
_CHUNK = 1 << 16
_ERRORS: tuple[type[Exception], ...] = (
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
)  # the last two: bz2


class BadStream(Exception):
    """The compressed data is damaged, cut off, over the limit, or of a kind that is not known here."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class _Decoder(Protocol):
    """The decompressor protocol that lzma, bz2 and zstd share."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's decompressor in the shape of lzma's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def open_inflated(file: BinaryIO, suffix: str, *, stored: int, limit: int) -> BinaryIO:
    """A stream of the inflated bytes of the next `stored` bytes of `file`.

    Args:
        suffix: ``""`` (not compressed), ``.bz2``, ``.gz``, ``.xz`` or ``.zst``.
        limit: bytes that may come out at most.

    Raises:
        BadStream: at once for an unknown suffix; later, by reading, for damage or when `limit` is exceeded.
    """
    return cast(BinaryIO, io.BufferedReader(_Inflated(file, suffix, stored, limit), 1 << 18))


class _Inflated(io.RawIOBase):
    def __init__(self, file: BinaryIO, suffix: str, stored: int, limit: int) -> None:
        self._file = file
        self._left = stored
        self._limit = limit
        self._suffix = suffix
        self._decoder = _decoder(suffix)
        self._errors = _ERRORS if suffix != ".zst" else (*_ERRORS, _zstd_error())

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._read(len(buffer))
        self._limit -= len(data)
        if self._limit < 0:
            raise BadStream("the compressed data grows over its limit")
        buffer[: len(data)] = data
        return len(data)

    def _stored(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        if not data and self._left:
            raise BadStream("the compressed data is cut off")
        self._left -= len(data)
        return data

    def _read(self, size: int) -> bytes:
        if self._decoder is None:
            return self._stored(size)
        try:
            return self._decode(size)
        except self._errors as error:
            raise BadStream(f"the compressed data is damaged: {error}") from None

    def _decode(self, size: int) -> bytes:
        assert self._decoder is not None
        while True:
            data = b""
            if self._decoder.eof:
                data = self._decoder.unused_data or self._stored(_CHUNK)
                if not data.strip(
                    b"\0"
                ):  # xz pads its streams with zero bytes, gzip files are padded on tapes
                    return b""
                self._decoder = _decoder(self._suffix)
                assert self._decoder is not None
            elif self._decoder.needs_input:
                data = self._stored(_CHUNK)
                if not data:
                    raise BadStream("the compressed data is cut off")
            out = self._decoder.decompress(data, size)
            if out:
                return out


def _decoder(suffix: str) -> _Decoder | None:
    if suffix == "":
        return None
    if suffix == ".gz":
        return _Gzip()
    if suffix == ".bz2":
        return cast(_Decoder, bz2.BZ2Decompressor())
    if suffix == ".xz":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
    if suffix == ".zst":
        return _zstd()
    raise BadStream(f"the compression `{suffix}` is not known")


def _zstd() -> _Decoder:
    # Both refuse a window of over 128 MiB, the largest that the format's own tool makes without being asked.
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor
    else:
        from backports.zstd import ZstdDecompressor
    return cast(_Decoder, ZstdDecompressor())


def _zstd_error() -> type[Exception]:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdError
    else:
        from backports.zstd import ZstdError
    return cast(type[Exception], ZstdError)
