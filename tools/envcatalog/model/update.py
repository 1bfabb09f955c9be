"""What `update` found: locks that would be newer, one commit on one branch for each of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envcatalog.model.change import Change

UpdateGroup = Literal["all", "environment", "package"]
UpdateStatus = Literal["found", "created", "replaced", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocked:
    """One environment of an update; no changes where it was only locked anew on its base."""

    environment: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One commit on one branch.

    Attributes:
        message: of the commit, its subject (72 characters at most) included.
        advisories: ids of what it mends, sorted.
        status: ``found`` is the answer of `update --check`; ``unchanged``: the branch says so already.
        commit: full id; empty where nothing was written.
        pushed: whether the remote has it.
        pull_request: its address, or how to open it; empty where that was not asked.
    """

    branch: str
    relocked: tuple[Relocked, ...]
    message: str
    advisories: tuple[str, ...] = ()
    status: UpdateStatus = "found"
    commit: str = ""
    pushed: bool = False
    pull_request: str = ""

    @property
    def subject(self) -> str:
        """The message's first line."""
        return self.message.partition("\n")[0]

    @property
    def environments(self) -> tuple[str, ...]:
        """Names, bases before children."""
        return tuple(item.environment for item in self.relocked)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUpdated:
    """What could not be made newer, and why; `subject` is an environment or a branch."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """The answer of `update`."""

    updates: tuple[Update, ...] = ()
    failed: tuple[NotUpdated, ...] = ()
