"""What is said of deprecated versions."""

from __future__ import annotations

from typing import Any

from envcatalog.model.environment import Deprecated
from envcatalog.model.ranges import show_ranges


def deprecated_value(said: Deprecated | None) -> dict[str, Any] | None:
    """For JSON: the statement of `deprecated`."""
    if said is None:
        return None
    return {
        "versions": show_ranges(said.versions) or None,
        "reason": said.reason,
        "replacement": said.replacement,
        "until": said.until,
    }


def deprecated_text(said: Deprecated | None) -> str:
    """For people: which versions, why, what to use instead, and until when."""
    if said is None:
        return ""
    facts = [f"use {said.replacement}"] if said.replacement else []
    facts += [f"until {said.until}"] if said.until else []
    more = f" ({', '.join(facts)})" if facts else ""
    return f"{show_ranges(said.versions) or 'all versions'}: {said.reason}{more}"
