"""Where the values of a file stand in its text."""

from __future__ import annotations

import yaml

from envcatalog.definition.finding import Path


class Place:
    """Where a value stands: the events of its own start and of its key, and the places within it."""

    __slots__ = ("children", "event", "key")

    def __init__(self, event: yaml.Event, key: yaml.Event | None) -> None:
        self.event = event
        self.key = key
        self.children: dict[str | int, Place] = {}


def span(event: yaml.Event) -> tuple[int, int, int]:
    """1-based line and column of an event, and its length: 1 where it has many lines, 0 without text."""
    start, end = event.start_mark, event.end_mark
    assert start is not None
    assert end is not None
    length = end.column - start.column if end.line == start.line else 1
    return start.line + 1, start.column + 1, length


def find_place(root: Place | None, path: Path, at_key: bool) -> tuple[int, int, int]:
    """1-based line, column and length of the value at a path or of its key; of what is nearest around it."""
    if root is None:
        return 1, 1, 1
    place = root
    for part in path:
        child = place.children.get(part)
        if child is None:
            at_key = True
            break
        place = child
    if place.key is not None and (at_key or span(place.event)[2] == 0):
        return span(place.key)
    return span(place.event)
