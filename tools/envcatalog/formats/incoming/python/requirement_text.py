"""The text of a requirements file: its encoding, and its lines as pip joins them.

Source: pip's reference, "Requirements File Format": encodings, line continuations, comments.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_COMMENT = re.compile(r"(?:^|\s+)#.*\Z")
_TRUSTED = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16", "gbk", "shift_jis"})


def decode(data: bytes) -> str:
    """The text, by its byte order mark, its coding line, as UTF-8, or byte by byte. Never fails.

    PowerShell's ``>`` writes UTF-16 with a mark, and some editors save that without it.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    head = data[:64]
    if 3 * head.count(0) > len(head):
        return data.decode("utf-16-be" if head[:1] == b"\0" else "utf-16-le", "replace")
    for line in data.split(b"\n", 2)[:2]:
        match = _CODING.match(line)
        if match and (named := _codec(match[1].decode("ascii", "replace"))):
            return data.decode(named, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _codec(name: str) -> str | None:
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return found if found in _TRUSTED else None  # others may be no encodings of text at all


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of its first line, text) of each that says something, without comments and continuations."""
    waiting: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not waiting:
            first = number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            waiting.append(line[:-1].strip())
            continue
        if not comment:
            waiting.append(line)
        yield from _said(first, waiting)
        waiting = []
    yield from _said(first, waiting)


def _said(number: int, parts: list[str]) -> Iterator[tuple[int, str]]:
    line = _COMMENT.sub("", " ".join(parts)).strip().strip("\0\ufeff\u200b").strip()
    if line:
        yield number, line
