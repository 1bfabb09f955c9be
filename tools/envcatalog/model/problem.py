"""Something wrong in a file: a value that is collected and reported, never raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding.

    Attributes:
        code: stable, lower-case, hyphenated, for example ``yaml-duplicate-key``.
        message: one sentence, no full stop, literals in backticks.
        file: path relative to the catalog's root, with ``/``.
        line, column: 1-based, column in characters.
        hint: how to mend it; empty when nothing is known.
        source: the line of the file, without its line end.
        length: how many characters the caret underlines, at least 1.
    """

    code: str
    message: str
    file: str
    line: int = 1
    column: int = 1
    severity: Severity = "error"
    hint: str = ""
    source: str = ""
    length: int = 1
