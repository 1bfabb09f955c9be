"""Versions of conda packages: their order, and conditions on them, as conda has it."""

from __future__ import annotations

from collections.abc import Callable


def is_newer(before: str, after: str) -> bool | None:
    """Whether `after` is the higher of the two; None where they are equal, or one is no version."""
    from rattler import Version

    try:
        old, new = Version(before), Version(after)
    except Exception:  # the library has an exception of its own for each part of the grammar
        return None
    return None if old == new else bool(new > old)


def condition(text: str) -> Callable[[str], bool] | None:
    """A test of versions against ``>=1.2,<2``, ``1.2.*`` or ``=1.2``; None where that is no condition."""
    from rattler import Version, VersionSpec

    try:
        spec = VersionSpec(text or "*")
    except Exception:
        return None

    def accepts(version: str) -> bool:
        try:
            return spec.matches(Version(version))
        except Exception:
            return not text

    return accepts
