"""Ranges of version numbers, as in ``1-2,4`` or ``3-``."""

from __future__ import annotations

from collections.abc import Iterable

Range = tuple[int, int | None]


def to_ranges(numbers: Iterable[int]) -> tuple[Range, ...]:
    """The shortest ranges that hold exactly these numbers."""
    ranges: list[Range] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)


def read_ranges(text: str) -> tuple[Range, ...]:
    """The ranges of a text that the schema accepts, as written; the last number is None for one without end."""
    ranges = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ranges.append((int(first), int(last) if last else None if dash else int(first)))
    return tuple(ranges)


def show_range(item: Range) -> str:
    """``4``, ``1-2`` or ``3-``."""
    first, last = item
    if last is None:
        return f"{first}-"
    return str(first) if first == last else f"{first}-{last}"


def show_ranges(ranges: tuple[Range, ...]) -> str:
    """``1-2,4``."""
    return ",".join(map(show_range, ranges))


def in_ranges(number: int, ranges: tuple[Range, ...]) -> bool:
    """Whether one of the ranges holds the number."""
    return any(first <= number and (last is None or number <= last) for first, last in ranges)
