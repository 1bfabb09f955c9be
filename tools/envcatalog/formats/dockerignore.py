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


def read_dockerignore(text: str) -> Ignore:
    """Read the file."""
    patterns, wrong = [], []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.startswith("#") or not line.strip():
            continue
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


def _regex(pattern: str, *, deep: bool = True) -> str:
    out, index = [], 0
    while index < len(pattern):
        sign = pattern[index]
        index += 1
        if deep and pattern.startswith("**", index - 1):
            index += 1
            if pattern.startswith("/", index):
                index += 1
            out.append("(?:.*/)?" if index < len(pattern) else ".*")
        elif sign == "*":
            out.append("[^/]*")
        elif sign == "?":
            out.append("[^/]")
        elif sign == "[":
            found, index = _set(pattern, index)
            out.append(found)
        elif sign == "\\":
            if index == len(pattern):
                raise ValueError(pattern)
            out.append(re.escape(pattern[index]))
            index += 1
        else:
            out.append(re.escape(sign))
    return "".join(out)


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
