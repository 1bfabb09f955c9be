"""What an unquoted scalar is.

YAML 1.1 and 1.2, and their many loaders, read ``3.10``, ``NO``, ``22:22`` or ``0755`` each in their own
way. So only what all of them read alike is read here: decimal integers, ``true``, ``false``, ``null`` and
text. All else that some loader takes for something other than text is ambiguous. Dates are text, too,
where a key of ours holds one. Sources: https://yaml.org/type/ (1.1), https://yaml.org/spec/1.2.2/#1032-tag-resolution
(1.2).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

Scalar = str | int | bool | None

_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z")
_WORDS: dict[str, str] = {
    **dict.fromkeys(("True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"), "true"),
    **dict.fromkeys(("False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"), "false"),
    **dict.fromkeys(("~", "Null", "NULL"), "nothing"),
}
_SPECIAL: dict[str, bool | None] = {"true": True, "false": False, "null": None, "": None}
_NUMBER_START = frozenset("0123456789+-.")
_NUMBER = re.compile(
    r"""[-+]?(?:
        0b[01_]+ | 0o[0-7_]+ | 0x[0-9a-fA-F_]+          # other bases
      | [0-9][0-9_]*                                     # octal of 1.1, underscores, signs, very long ones
      | [0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?      # base 60 of 1.1
      | (?:[0-9][0-9_]*)?\.[0-9_]*(?:[eE][-+]?[0-9]+)?   # floats
      | [0-9][0-9_]*[eE][-+]?[0-9]+
      | \.(?:inf|Inf|INF|nan|NaN|NAN)
    )\Z""",
    re.VERBOSE,
)


# Needs no quotes in any place of a document, flow collections included.
_BARE = re.compile(r"[A-Za-z/][A-Za-z0-9 ()/+._-]*\Z", re.ASCII)
# Not in YAML's set of printable characters (1.2, 5.1), or a line end in 1.1, which loaders fold into a space.
_NOT_PRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """An unquoted scalar that YAML loaders disagree on, and what some of them take it for."""

    text: str
    reading: str

    @property
    def hint(self) -> str:
        """What to write instead."""
        quoted = f'write `"{self.text}"`' if len(self.text) < 60 else "write it in double quotes"
        if self.reading in ("true", "false"):
            return f"{quoted}, or `{self.reading}` where yes or no is asked for"
        number = self.reading.removeprefix("the number ")
        if self.reading == "nothing":
            return f"{quoted}, or leave the key out"
        if number.lstrip("-").isdigit():
            return f"{quoted}, or `{number}` where a number is meant"
        return quoted


def read_plain(text: str) -> Scalar | Ambiguous:
    """The value of an unquoted scalar."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    if text in _WORDS:
        return Ambiguous(text, _WORDS[text])
    if text[0] not in _NUMBER_START:
        return text
    if _INTEGER.match(text):
        return int(text)
    if len(text) < 3 and text in (".", "-", "+"):
        return text
    if _NUMBER.match(text) and any(letter.isdigit() or letter in "nN" for letter in text):
        return Ambiguous(text, _reading(text))
    return text


def write_scalar(text: str) -> str:
    """A string as YAML: bare where every loader reads it as text, otherwise in double quotes."""
    if _BARE.match(text) and not text.endswith(" ") and isinstance(read_plain(text), str):
        return text
    return _NOT_PRINTED.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _reading(text: str) -> str:
    bare = text.replace("_", "").lower()
    try:
        if len(bare) > 18:
            return "a number"
        if ":" in bare:
            return f"the number {_base_60(bare)}"
        if bare.lstrip("+-").startswith(("0x", "0b", "0o")):
            return f"the number {int(bare, 0)}"
        if re.fullmatch(r"[-+]?0[0-7]+", bare):
            return f"the number {int(bare, 8)}"
        if re.fullmatch(r"[-+]?[0-9]+", bare):
            return f"the number {int(bare)}"
        return f"the number {float(bare)}"
    except (ValueError, OverflowError):
        return "a number"


def _base_60(text: str) -> str:
    total = 0.0
    for part in text.lstrip("+-").split(":"):
        total = total * 60 + float(part or 0)
    total = -total if text.startswith("-") else total
    return str(int(total)) if total == int(total) else str(total)
