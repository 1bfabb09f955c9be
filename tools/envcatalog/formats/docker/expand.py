"""Variables in a word of a Dockerfile. Source: Dockerfile reference, "Environment replacement"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_BRACED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])(.*))?\}\Z", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_DEPTH = 10
MAX_VALUE = 8192  # of characters: a value that doubles in every line would take all memory


class Unresolved(Exception):
    """A variable has no value; its text is the variable as written."""


def expand(word: str, values: Mapping[str, str], escape: str = "\\", depth: int = 0) -> str:
    """The word with variables replaced and quotes removed.

    Raises:
        Unresolved: a variable has no value, or is written in a way that only newer builders know.
    """
    if depth > MAX_DEPTH:
        raise Unresolved(word[:40])
    out: list[str] = []
    quote, index, total = "", 0, 0
    while index < len(word):
        if (total := total + len(out[-1] if out else "")) > MAX_VALUE:
            raise Unresolved(word[:40])
        sign = word[index]
        if sign == escape and quote != "'" and index + 1 < len(word):
            out.append(word[index + 1])
            index += 2
        elif sign in "'\"" and quote in ("", sign):
            quote = "" if quote else sign
            index += 1
        elif sign == "$" and quote != "'":
            text, index = _variable(word, index, values, escape, depth)
            out.append(text)
        else:
            out.append(sign)
            index += 1
    return "".join(out)


def _variable(word: str, index: int, values: Mapping[str, str], escape: str, depth: int) -> tuple[str, int]:
    if word[index + 1 : index + 2] == "{":
        end = _closing(word, index + 1)
        match = _BRACED.match(word[index + 1 : end])
        if match is None:
            raise Unresolved(word[index:end])
        return _braced(match, word[index:end], values, escape, depth), end
    plain = _PLAIN.match(word, index + 1)
    if plain is None:
        return "$", index + 1
    if plain[0] not in values:
        raise Unresolved(f"${plain[0]}")
    return values[plain[0]], plain.end()


def _braced(match: re.Match[str], shown: str, values: Mapping[str, str], escape: str, depth: int) -> str:
    name, sign, rest = match[1], match[2] or "", match[3] or ""
    value = values.get(name)
    there = bool(value) if sign.startswith(":") else value is not None
    if sign.endswith("+"):
        return expand(rest, values, escape, depth + 1) if there else ""
    if value is not None and (there or not sign):
        return value
    if sign.endswith("-"):
        return expand(rest, values, escape, depth + 1)
    raise Unresolved(shown)


def _closing(word: str, start: int) -> int:
    depth = 0
    for index in range(start, len(word)):
        depth += {"{": 1, "}": -1}.get(word[index], 0)
        if not depth:
            return index + 1
    return len(word)


def assignments(text: str, escape: str = "\\") -> Iterator[tuple[str, str | None]]:
    """``NAME=value`` pairs of `ARG`, quotes kept; the value is None for a name alone."""
    for word in words(text, escape):
        name, sign, value = word.partition("=")
        yield name, value if sign else None


def words(text: str, escape: str = "\\") -> Iterator[str]:
    """The words between white space that is in no quotes; quotes and escapes are kept."""
    start, quote, index = 0, "", 0
    while index < len(text):
        sign = text[index]
        if sign == escape and quote != "'" and index + 1 < len(text):
            index += 2
            continue
        if sign in "'\"" and quote in ("", sign):
            quote = "" if quote else sign
        if sign.isspace() and not quote:
            if index > start:
                yield text[start:index]
            start = index + 1
        index += 1
    if len(text) > start:
        yield text[start:]
