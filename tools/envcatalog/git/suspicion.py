"""Something in the repository that looks like ours but must not be used: reported, never followed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What was passed over, and why.

    Attributes:
        where: a path with ``/`` or a full reference (``refs/tags/...``) (not UTF-8: with surrogates).
        reason: one clause, no full stop, literals in backticks: ``is a lightweight tag``.
    """

    where: str
    reason: str
