"""A remote file that is read in parts: any read gives what the file has, and no hostile one costs much."""

from __future__ import annotations

import io
import random
from threading import Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.lock.learning.ranges import BUDGET, LARGE, READ_MOST, REQUESTS, RangeFile, TooMuchError

DATA = random.Random(1).randbytes(3_000_000)


class Remote:
    """Bytes, and which parts of them were asked for."""

    def __init__(self, data: bytes = DATA, *, tail: bool = True, size: int | None = None) -> None:
        self.data = data
        self.parts: list[tuple[int, int]] = []
        self.large = Lock()
        self.file = RangeFile(self._fetch, len(data) if size is None else size, self.large, tail=tail)

    def _fetch(self, start: int, end: int) -> bytes:
        self.parts.append((start, end))
        return self.data[start:end] or b"x" * (end - start)


@given(
    st.lists(st.tuples(st.integers(0, len(DATA) + 10), st.integers(0, 300_000)), max_size=8), st.booleans()
)
def test_every_read_gives_what_the_file_has_and_nothing_is_fetched_twice(
    reads: list[tuple[int, int]], tail: bool
) -> None:
    remote = Remote(tail=tail)
    for place, size in reads:
        remote.file.seek(place)
        assert remote.file.read(size) == DATA[place : place + size]
    assert sum(end - start for start, end in remote.parts) <= len(DATA)


def test_the_end_comes_first_and_what_stands_before_a_read_comes_along() -> None:
    remote = Remote()
    assert remote.parts == [(len(DATA) - len(DATA) // 64, len(DATA))]
    remote.file.seek(-100_000, io.SEEK_END)
    remote.file.read()
    remote.file.seek(-150_000, io.SEEK_END)
    remote.file.read(10)
    assert len(remote.parts) == 2


def test_a_small_file_is_one_part() -> None:
    remote = Remote(b"hello")
    assert remote.file.read() == b"hello"
    assert remote.parts == [(0, 5)]


def test_it_is_a_file_for_whoever_reads_files() -> None:
    remote = Remote(b"hello\nworld\n", tail=False)
    assert io.BufferedReader(remote.file).readlines() == [b"hello\n", b"world\n"]
    with pytest.raises(OSError, match="before the file's beginning"):
        remote.file.seek(-1)


def test_no_memory_is_given_for_a_lie_about_a_size() -> None:
    remote = Remote(b"", size=1 << 40)
    remote.file.seek(0)
    with pytest.raises(TooMuchError):
        remote.file.read(READ_MOST + 1)
    with pytest.raises(TooMuchError):
        remote.file.read()


def test_neither_bytes_nor_requests_are_without_bound() -> None:
    remote = Remote(b"", size=1 << 40)
    with pytest.raises(TooMuchError):
        for place in range(1, 1000):
            remote.file.seek(place * 10_000_000)
            remote.file.read(1)
    assert len(remote.parts) <= REQUESTS
    remote = Remote(b"", size=1 << 40, tail=False)
    with pytest.raises(TooMuchError):
        while remote.file.read(100_000):
            pass
    assert sum(end - start for start, end in remote.parts) <= BUDGET


def test_one_large_directory_at_a_time() -> None:
    remote = Remote()
    assert not remote.large.locked()
    remote.file.seek(0)
    remote.file.read(LARGE + 1)
    assert remote.large.locked()
    remote.file.close()
    assert not remote.large.locked()
