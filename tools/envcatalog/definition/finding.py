"""A finding in a value, before it has a place in a file; and the words that findings share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from envcatalog.definition.source import masked
from envcatalog.model.problem import Severity

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the value at `path`, or with its key."""

    code: str
    message: str
    path: Path
    hint: str = ""
    at_key: bool = False
    severity: Severity = "error"


def show_path(path: Path) -> str:
    """``python.packages[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{bare(part)}" if text else bare(part)
    return text


def show(text: str, most: int = 60) -> str:
    """A literal for a message, in backticks."""
    return f"`{bare(text, most)}`" if text else '`""`'


def bare(text: str, most: int = 60) -> str:
    """A file's text made fit for a message: printable, on one line, without passwords, not endless."""
    line = masked(text[: most + 1000])
    if not line.isprintable():
        line = line[: most + 1].encode("unicode_escape").decode()
    return line[:most] + "…" if len(line) > most else line


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that was most likely meant."""
    import difflib

    found = difflib.get_close_matches(word[:100], list(allowed), n=1, cutoff=0.6)
    return found[0] if found else None


def listed(words: Iterable[str]) -> str:
    """``"`a`, `b` and `c`"``."""
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
