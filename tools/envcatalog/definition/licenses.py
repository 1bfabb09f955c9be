"""Licences as packages name them: SPDX expressions where they are such, compared with lists of licences.

Source: SPDX specification 2.3, annex D (expressions). Identifiers and operators compare without regard to case.
Identifiers are compared as they are written: the deprecated ``GPL-3.0`` and ``GPL-3.0+`` are other identifiers than
``GPL-3.0-only`` and ``GPL-3.0-or-later``; the pattern ``GPL-3.0*`` fits all four.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\s*(?:(?P<mark>[()])|(?P<word>[A-Za-z0-9.+:_-]+))")
_BRACKETS = 50  # more than any licence has, and far from what the stack holds
_OPERATORS = frozenset({"AND", "OR", "WITH"})

_REMEMBERED = 1024  # thousands of packages are under a few licences

Quantifier = Callable[[Iterable[bool]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A licence, or several that are joined.

    Attributes:
        operator: ``AND``, ``OR``, or empty for one licence.
        license: ``MIT``, or with its exception ``GPL-2.0-only WITH Classpath-exception-2.0``.
    """

    operator: str = ""
    license: str = ""
    parts: tuple[Expression, ...] = ()

    def judged(self, leaf: Callable[[str], bool], *, either: Quantifier, each: Quantifier) -> bool:
        """The verdicts on the licences, put together: `either` over parts of ``OR``, `each` over those of ``AND``."""
        if not self.operator:
            return leaf(self.license)
        quantifier = either if self.operator == "OR" else each
        return quantifier(part.judged(leaf, either=either, each=each) for part in self.parts)


@lru_cache(_REMEMBERED)
def read_expression(text: str) -> Expression | None:
    """The expression; None where the text is none, such as ``BSD 3-Clause`` or ``MIT, see LICENSE``."""
    if text.count("(") > _BRACKETS:
        return None
    try:
        found, rest = _joined(list(_tokens(text)), "OR")
    except (IndexError, ValueError):
        return None
    return None if rest else found


def is_allowed(text: str, patterns: tuple[str, ...]) -> bool:
    """Whether the licences that are allowed are enough: one of ``A OR B``, all of ``A AND B``.

    What is no expression must be one of the patterns as a whole: a ``*`` does not stretch over words.
    """
    expression = read_expression(text)
    if expression is None:
        return " ".join(text.casefold().split()) in {pattern.casefold() for pattern in patterns}
    return expression.judged(lambda license_: _fits(license_, patterns), either=any, each=all)


def is_banned(text: str, patterns: tuple[str, ...], allowed: tuple[str, ...] = ()) -> bool:
    """Whether no choice but a banned licence is left: all of ``A OR B`` are banned, or one of ``A AND B``.

    A licence with an exception is banned with the licence, unless it is among the allowed ones as a whole. What is no
    expression is compared as a whole.
    """
    expression = read_expression(text)
    if expression is None:
        return license_fits(" ".join(text.split()), patterns)
    whole = frozenset(pattern.casefold() for pattern in allowed if " with " in pattern.casefold())

    def leaf(license_: str) -> bool:
        return _fits(license_, patterns) and license_.casefold() not in whole

    return expression.judged(leaf, either=all, each=any)


def mentions(text: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of the licences that a text names fits, whatever it is joined with."""
    expression = read_expression(text)
    if expression is None:
        return license_fits(" ".join(text.split()), patterns)
    return expression.judged(lambda license_: _fits(license_, patterns), either=any, each=any)


def license_fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether the text is one of the patterns; ``*`` at a pattern's end stands for any rest."""
    folded = text.casefold()
    return any(
        folded.startswith(pattern[:-1].casefold()) if pattern.endswith("*") else folded == pattern.casefold()
        for pattern in patterns
    )


@lru_cache(_REMEMBERED)
def _fits(license_: str, patterns: tuple[str, ...]) -> bool:
    """As it is, or without its exception, which takes nothing from what the licence grants."""
    return license_fits(license_, patterns) or license_fits(license_.partition(" ")[0], patterns)


def _tokens(text: str) -> Iterator[str]:
    """Words and brackets; an empty one where there is something else."""
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        yield match[match.lastgroup or 0] if match else ""
        position = match.end() if match else len(text)


def _joined(tokens: list[str], operator: str) -> tuple[Expression, list[str]]:
    """Parts joined by `operator`; ``AND`` binds closer than ``OR``."""
    part, rest = _joined(tokens, "AND") if operator == "OR" else _one(tokens)
    parts = [part]
    while rest and rest[0].upper() == operator:
        part, rest = _joined(rest[1:], "AND") if operator == "OR" else _one(rest[1:])
        parts.append(part)
    return (Expression(operator=operator, parts=tuple(parts)) if len(parts) > 1 else part), rest


def _one(tokens: list[str]) -> tuple[Expression, list[str]]:
    """One licence with its exception, or an expression in brackets. Raises IndexError or ValueError."""
    if tokens[0] == "(":
        found, rest = _joined(tokens[1:], "OR")
        if rest[0] != ")":
            raise ValueError(rest[0])
        return found, rest[1:]
    name, rest = _word(tokens[0]), tokens[1:]
    if rest and rest[0].upper() == "WITH":
        return Expression(license=f"{name} WITH {_word(rest[1])}"), rest[2:]
    return Expression(license=name), rest


def _word(text: str) -> str:
    if not text or text in "()" or text.upper() in _OPERATORS:
        raise ValueError(text)
    return text
