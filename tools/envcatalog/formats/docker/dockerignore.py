"""`.dockerignore`: which files of a folder are no part of the build context.

Source: Dockerfile reference, ".dockerignore file"; the last pattern that matches a file or a folder above it decides.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One line; `keeps` for those that begin with ``!``."""

    line: int
    text: str
    keeps: bool
    regex: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """The patterns of a file, and what is wrong with it: lines and messages."""

    patterns: tuple[Pattern, ...] = ()
    wrong: tuple[tuple[int, str], ...] = ()

    def ignores(self, path: str) -> bool:
        """Whether a file is left out."""
        ignored = False
        parts = path.split("/")
        paths = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        for pattern in self.patterns:
            if pattern.keeps == ignored and any(pattern.regex.fullmatch(item) for item in paths):
                ignored = not pattern.keeps
        return ignored

    def kept(self, paths: Iterable[str]) -> list[str]:
        """Those that are part of the context, in their order."""
        return [path for path in paths if not self.ignores(path)]


MAX_PATTERNS = 1000  # each is compared with every file


def read_dockerignore(text: str) -> Ignore:
    """Read the file."""
    patterns: list[Pattern] = []
    wrong: list[tuple[int, str]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.startswith("#") or not line.strip():
            continue
        if len(patterns) + len(wrong) >= MAX_PATTERNS:
            wrong.append((number, f"the file has more than {MAX_PATTERNS} patterns"))
            break
        plain = line.strip()
        keeps = plain.startswith("!")
        plain = plain[1:].strip() if keeps else plain
        if not plain:
            wrong.append((number, "`!` stands alone"))
            continue
        plain = posixpath.normpath(plain)
        plain = plain.lstrip("/") or "/"
        if plain == ".." or plain.startswith("../"):
            wrong.append((number, f"`{_shown(plain)}` is outside of the context, so it matches nothing"))
            continue
        try:
            regex = re.compile(_regex(plain), re.DOTALL)
        except (re.error, ValueError):
            wrong.append((number, f"`{_shown(plain)}` is not a pattern"))
            continue
        patterns.append(Pattern(line=number, text=plain, keeps=keeps, regex=regex))
    return Ignore(patterns=tuple(patterns), wrong=tuple(wrong))


def wildcard(pattern: str) -> re.Pattern[str]:
    """A source of `COPY`: ``*``, ``?`` and ``[...]`` within one part of a path; ValueError for none."""
    try:
        return re.compile(_regex(pattern, deep=False), re.DOTALL)
    except re.error as error:
        raise ValueError(pattern) from error


_STAR, _DEEP, _REST = "[^/]*", "(?:.*/)?", ".*"
MAX_LOOSE = 2  # `**` in the middle of a name, which has to be tried in every place


def _regex(pattern: str, *, deep: bool = True) -> str:
    out: list[str] = []
    index = loose = 0
    while index < len(pattern):
        sign = pattern[index]
        index += 1
        if deep and pattern.startswith("**", index - 1):
            loose += index > 1 and pattern[index - 2] not in "/*"
            index += 1
            if pattern.startswith("/", index):
                index += 1
            found = _DEEP if index < len(pattern) else _REST
        elif sign == "*":
            found = _STAR
        elif sign == "?":
            found = "[^/]"
        elif sign == "[":
            found, index = _set(pattern, index)
        elif sign == "\\":
            if index == len(pattern):
                raise ValueError(pattern)
            found = re.escape(pattern[index])
            index += 1
        else:
            found = re.escape(sign)
        if found not in (_STAR, _DEEP) or out[-1:] != [found]:
            out.append(found)
    if loose > MAX_LOOSE:
        raise ValueError(pattern)
    return _deep_parts(out)


def _deep_parts(out: list[str]) -> str:
    """Folders that ``**/`` skips: the first place where what follows fits is as good as any, so no other is tried.

    That is true up to the next one, which may skip all else; without it, many of them take for ever.
    """
    places = [index for index, part in enumerate(out) if part == _DEEP]
    if not places:
        return _star_parts(out)
    regex = _star_parts(out[: places[0]])
    for place, after in zip(places, [*places[1:], None], strict=True):
        part = out[place + 1 : after]
        whole = (place == 0 or out[place - 1] == "/") and part[-1:] == ["/"] and after is not None
        regex += f"(?>(?:.*?/)??{_star_parts(part)})" if whole else _DEEP + _star_parts(part)
    return regex


def _star_parts(out: list[str]) -> str:
    """The same for ``*``, up to the next one."""
    places = [index for index, part in enumerate(out) if part == _STAR]
    if not places:
        return "".join(out)
    regex = "".join(out[: places[0]])
    for place, after in zip(places, [*places[1:], None], strict=True):
        part = "".join(out[place + 1 : after])
        regex += f"(?>[^/]*?{part})" if after is not None else _STAR + part
    return regex


def _set(pattern: str, index: int) -> tuple[str, int]:
    """``[a-z]``, ``[^a]``. Source: Go's filepath.Match, "pattern"."""
    end = pattern.find("]", index + 1)
    inner = pattern[index:end]
    if end < 0 or inner in ("", "^"):
        raise ValueError(pattern)
    negated = inner.startswith("^")
    escaped = re.sub(r"([\[\]\\&|~^])", r"\\\1", inner[1:] if negated else inner)
    return f"(?!/)[{'^' if negated else ''}{escaped}]", end + 1


def _shown(text: str) -> str:
    return text[:60] if text.isprintable() else text[:60].encode("unicode_escape").decode()
