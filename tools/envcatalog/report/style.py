"""Whether to use colour, and which. Colour never carries a meaning alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

RED, YELLOW, GREEN, CYAN, BOLD, DIM = "31", "33", "32", "36", "1", "2"


class Stream(Protocol):
    """As much of a text stream as the decision needs."""

    def isatty(self) -> bool:
        """Whether this is a terminal."""


def is_terminal(stream: Stream, environ: Mapping[str, str]) -> bool:
    """Whether the stream is a terminal that can move its cursor."""
    return environ.get("TERM", "") != "dumb" and stream.isatty()


def wants_colour(stream: Stream, environ: Mapping[str, str]) -> bool:
    """``NO_COLOR`` with any text in it says no (no-color.org); otherwise a terminal says yes."""
    if environ.get("NO_COLOR"):
        return False
    return is_terminal(stream, environ)


def paint(text: str, *codes: str, colour: bool) -> str:
    """The text between SGR sequences, or as it is."""
    if not colour or not text:
        return text
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m"
