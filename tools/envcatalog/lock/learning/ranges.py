"""A file on a server as one that can be read and sought in: only the parts that are read are fetched."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable
from threading import Lock
from typing import Any

BUDGET = 12 * 1024 * 1024  # bytes of one file, all parts together
REQUESTS = 16  # for one file
READ_MOST = 8 * 1024 * 1024  # bytes that are read in one piece; a hostile zip asks for gigabytes
LARGE = 1024 * 1024  # bytes that are read in one piece: a directory of ten thousand files

_TAIL_SHARE = 64  # the directory of a wheel, with the metadata before it, is mostly less than this part of it
_TAIL_LEAST, _TAIL_MOST = 32 * 1024, 1024 * 1024
_BEFORE = 64 * 1024  # metadata stands before the directory
_AHEAD = 64 * 1024
_AHEAD_MOST = 4 * 1024 * 1024

FetchPart = Callable[[int, int], bytes]


class TooMuchError(Exception):
    """More of the file would have to be read than an honest one needs."""


class RangeFile(io.RawIOBase):
    """Reads of a remote file.

    Args:
        fetch: the bytes from a place to before another one; its errors go to whoever reads.
        size: of the file in bytes.
        large: held from the first read of over `LARGE` bytes until the file is closed, so that many files read at
            once take the memory of one large directory.
        tail: whether the end is read first, as of a zip.

    Raises:
        TooMuchError: by reads beyond `BUDGET`, `REQUESTS` or `READ_MOST`.
    """

    def __init__(self, fetch: FetchPart, size: int, large: Lock, *, tail: bool = True) -> None:
        self._fetch = fetch
        self._size = size
        self._large = large
        self._holds = False
        self._place = 0
        self._budget = BUDGET
        self._requests = REQUESTS
        self._ahead = _AHEAD
        self._starts: list[int] = []  # of `_parts`, sorted; no two overlap
        self._parts: list[bytes] = []
        if tail:
            length = min(_TAIL_MOST, max(_TAIL_LEAST, size // _TAIL_SHARE))
            self._load(max(0, size - length), size)

    def close(self) -> None:
        """Let another large file be read."""
        if self._holds:
            self._holds = False
            self._large.release()
        super().close()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; OSError where there is none."""
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if place < 0:
            raise OSError("a place before the file's beginning")
        self._place = place
        return place

    def read(self, size: int = -1, /) -> bytes:
        """As much as is asked for, up to the file's end; no memory is given for more than that."""
        left = max(0, self._size - self._place)
        wanted = left if size < 0 else min(size, left)
        if wanted > READ_MOST:
            raise TooMuchError
        return super().read(wanted) or b""

    def readinto(self, buffer: Any, /) -> int:
        """As much as is asked for, up to the file's end."""
        end = min(self._size, self._place + len(buffer))
        if end <= self._place:
            return 0
        if end - self._place > LARGE and not self._holds:
            self._large.acquire()
            self._holds = True
        done = 0
        while self._place < end:
            data = self._held(self._place, end) or self._more(self._place, end)
            buffer[done : done + len(data)] = data
            done += len(data)
            self._place += len(data)
        return done

    def _held(self, start: int, end: int) -> bytes:
        """What is here from a place on; empty where nothing is."""
        index = bisect_right(self._starts, start) - 1
        if index < 0:
            return b""
        skipped = start - self._starts[index]
        return self._parts[index][skipped : skipped + end - start]

    def _more(self, start: int, end: int) -> bytes:
        index = bisect_right(self._starts, start)
        before = self._starts[index - 1] + len(self._parts[index - 1]) if index else 0
        after = self._starts[index] if index < len(self._starts) else self._size
        self._load(max(before, start - _BEFORE), min(after, max(end, start + self._ahead)))
        self._ahead = min(_AHEAD_MOST, self._ahead * 2)
        return self._held(start, end)

    def _load(self, start: int, end: int) -> None:
        self._budget -= end - start
        self._requests -= 1
        if self._budget < 0 or self._requests < 0:
            raise TooMuchError
        data = self._fetch(start, end)
        index = bisect_right(self._starts, start)
        self._starts.insert(index, start)
        self._parts.insert(index, data)
