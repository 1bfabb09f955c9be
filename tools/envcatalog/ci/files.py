"""What is written for a forge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CiFiles:
    """Path to content.

    Attributes:
        kept: generated; what is written now is what must be there later.
        first: written once, then the catalog's own (which envcat is installed, and by which hashes).
    """

    kept: Mapping[str, str]
    first: Mapping[str, str]
