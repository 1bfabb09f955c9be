"""Text from files made harmless: what a terminal would obey or hide is spelled out; widths are counted."""

from __future__ import annotations

import unicodedata

# Categories that a terminal obeys (Cc), that reorder or hide text (Cf holds the bidi controls), line and
# paragraph separators, lone surrogates, private use and unassigned characters.
_SPELLED_OUT = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"})


def visible(text: str) -> str:
    """The text with every control, bidi and invisible character spelled as ``\\x1b``, ``\\u202e`` ..."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(visible_char(char) for char in text)


def visible_lines(text: str) -> str:
    """As `visible`, but line ends stay and a tab becomes spaces."""
    return "\n".join(visible(line.expandtabs(8)) for line in text.replace("\r\n", "\n").split("\n"))


def visible_char(char: str) -> str:
    """One character, spelled out when it would not show as itself."""
    if unicodedata.category(char) not in _SPELLED_OUT:
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def width(text: str) -> int:
    """Columns of a terminal that the (visible) text takes: wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def pad(text: str, columns: int) -> str:
    """The text, filled up with spaces to so many columns."""
    return text + " " * max(0, columns - width(text))


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
