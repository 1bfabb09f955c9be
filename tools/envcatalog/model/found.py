"""What `search` answers."""

from __future__ import annotations

from dataclasses import dataclass

from envcatalog.model.history import PackageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An environment that holds a package.

    Attributes:
        version: None for the work tree.
        platforms: those on which it is this version.
        inherited_from: the environment whose lock holds it; empty for its own.
        license: where licences were searched for.
    """

    environment: str
    version: int | None
    package: str
    kind: PackageKind
    installed: str
    platforms: tuple[str, ...]
    inherited_from: str = ""
    license: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An environment whose lock could not be searched, and why: never a silent no."""

    environment: str
    version: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Matches by environment, version and kind.

    Attributes:
        searched: how many locks.
        unknown: where licences were searched for: how many packages there are of which none is known, by name.
    """

    matches: tuple[Match, ...]
    unread: tuple[Unread, ...]
    searched: int
    unknown: int | None = None
