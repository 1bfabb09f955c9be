"""Something in the repository that looks like ours but must not be used: reported, never followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SuspicionKind = Literal["lightweight", "renamed", "missing", "malformed", "misnamed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """What was passed over, and why.

    Attributes:
        where: a path with ``/`` or a full reference (``refs/tags/...``) (not UTF-8: with surrogates).
        reason: one clause, no full stop, literals in backticks: ``is a lightweight tag``.
        kind: of a tag: ``misnamed`` stands in no version's place, all others do.
    """

    where: str
    reason: str
    kind: SuspicionKind = field(default="malformed", compare=False)
