"""The text of one file: its encoding, its characters, and problems that point into it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from envcatalog.model.problem import Problem, Severity

MAX_BYTES = 1 << 20

# What no reviewer can see: control characters (tab and line feed excepted), bidirectional and invisible
# characters (Unicode TR36, "Trojan Source"), the line breaks only YAML knows, and halves of surrogate pairs.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file's text, without byte order mark and with ``\\n`` as its only line end."""

    text: str
    origin: str

    def problem(
        self,
        code: str,
        message: str,
        line: int = 1,
        column: int = 1,
        *,
        length: int = 1,
        hint: str = "",
        severity: Severity = "error",
    ) -> Problem:
        """A problem at a 1-based line and column, with the line's text; the last line's end for what lies beyond."""
        lines = self.text.rstrip("\n").count("\n") + 1
        if line > lines:
            line, column = lines, max(1, len(_line(self.text, lines)))
        return Problem(
            code=code,
            message=message,
            file=self.origin,
            line=line,
            column=column,
            severity=severity,
            hint=hint,
            source=masked(_line(self.text, line)),
            length=max(1, length),
        )


def read_source(data: bytes, origin: str) -> tuple[Source, tuple[Problem, ...]]:
    """The text, with every refused character replaced by U+FFFD so that reading can go on.

    The text is empty when the file is too large or is not UTF-8.
    """
    if len(data) > MAX_BYTES:
        empty = Source(text="", origin=origin)
        message = f"the file has {len(data)} bytes, and a definition has at most {MAX_BYTES}"
        return empty, (empty.problem("file-too-large", message),)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(data, origin, error.start)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    source = Source(text=text, origin=origin)
    if UNSEEN.search(text) is None:
        return source, ()
    shown = Source(text=UNSEEN.sub("\ufffd", text), origin=origin)
    return shown, tuple(_unseen(source))


def masked(text: str) -> str:
    """The text without users and passwords of addresses; as long as before, so that columns stay right."""
    return _USER.sub(lambda match: "*" * len(match[0]), text) if "://" in text else text


def describe_unseen(character: str) -> tuple[str, str]:
    """Code and name of a character that `UNSEEN` matches."""
    point = f"U+{ord(character):04X}"
    if _BIDI.match(character):
        return "text-bidi", f"the bidirectional control character {point}"
    return "text-control", f"the invisible or control character {point}"


def _not_utf8(data: bytes, origin: str, start: int) -> tuple[Source, tuple[Problem, ...]]:
    before = data[:start].decode("utf-8")
    shown = Source(text=data.decode("utf-8", errors="replace"), origin=origin)
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    message = f"the byte `0x{data[start]:02x}` is not UTF-8"
    problem = shown.problem("file-not-utf8", message, line, column, hint="save the file as UTF-8")
    return Source(text="", origin=origin), (problem,)


def _unseen(source: Source) -> list[Problem]:
    found = []
    for match in UNSEEN.finditer(source.text):
        code, name = describe_unseen(match[0])
        line = source.text.count("\n", 0, match.start()) + 1
        column = match.start() - source.text.rfind("\n", 0, match.start())
        hint = "remove it; in a double-quoted string only `\\n` and `\\t` may be written as escapes"
        found.append(source.problem(code, f"the line holds {name}", line, column, hint=hint))
        if len(found) == _MOST:
            break
    return found


def _line(text: str, number: int) -> str:
    start = 0
    for _ in range(number - 1):
        start = text.find("\n", start) + 1
        if start == 0:
            return ""
    end = text.find("\n", start)
    return text[start:] if end < 0 else text[start:end]
