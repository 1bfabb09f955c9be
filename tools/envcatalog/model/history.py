"""What `log` and `blame` answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envcatalog.model.version import Commit, Version

PackageKind = Literal["python", "deb", "conda"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitEntry:
    """A commit that changed an environment.

    Attributes:
        summary: what it changed, in a line: ``pandas 2.2.2 -> 2.2.3, +joblib 1.5.3``.
        version: the first version that holds it; None where none does yet.
    """

    commit: Commit
    summary: str
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEntry:
    """A version, the aliases that name it now, and the commits since the version before, newest first.

    Attributes:
        signature: ``good``, ``bad``, ``unknown`` (nobody here can judge it) or ``unsigned``; empty where it was not
            asked for.
        signer: who signed, or why that is not known.
    """

    version: Version
    aliases: tuple[str, ...] = ()
    commits: tuple[CommitEntry, ...] = ()
    signature: str = ""
    signer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentLog:
    """Versions, newest first, and the commits that are in none yet.

    Attributes:
        shallow: older commits are missing from this clone, so the oldest commit seems to bring everything.
    """

    name: str
    versions: tuple[VersionEntry, ...]
    unpublished: tuple[CommitEntry, ...] = ()
    shallow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a package of a lock comes from.

    Attributes:
        installed: its version; several with commas where platforms differ.
        since: the commit that brought this version; `first`: the one that brought the package.
        since_version, first_version: the first version of the environment that holds them; None where none does yet.
    """

    package: str
    kind: PackageKind
    installed: str
    since: Commit
    since_version: int | None
    first: Commit
    first_version: int | None
