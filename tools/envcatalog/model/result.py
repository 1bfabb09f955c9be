"""What the use cases answer, one row each: rendered by `report/`, never printed by whoever made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envcatalog.model.change import Change
from envcatalog.model.environment import Deprecated, Kind
from envcatalog.model.problem import Severity

CheckHow = Literal["engine", "namespace", "none", "not-run"]
LockStatus = Literal["written", "unchanged", "stale"]
PublishStatus = Literal["published", "unchanged", "retagged", "refused"]
RegisterStatus = Literal["registered", "unchanged", "refused"]
FindingState = Literal["ok", "missing", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One row of `list`; `version` is the newest one, None for an environment that was never published."""

    name: str
    kind: Kind
    version: int | None
    aliases: tuple[tuple[str, int], ...]
    description: str
    deprecated: Deprecated | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """What was changed in one definition's metadata, in the work tree.

    Attributes:
        changes: empty where all was so already.
        note: the next step; where nothing changed, how it is.
    """

    environment: str
    file: str
    changes: tuple[Change, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What `publish` did for one environment.

    Attributes:
        image: what a user passes to docker or skopeo; empty where nothing stands in the registry.
        digest: image digest; empty likewise.
        reason: why, in the plan's words.
        checks: how the checks were run; empty where none was due.
    """

    environment: str
    version: int | None
    image: str
    digest: str
    status: PublishStatus
    reason: str = ""
    checks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What `register` did for one environment.

    Attributes:
        version: None where it was refused.
        commit: full id of the version's commit; empty likewise, and so is `plan`.
        reason: why, in the plan's words.
    """

    environment: str
    version: int | None
    status: RegisterStatus
    commit: str = ""
    plan: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One thing that `verify` found, with both sides of it.

    Attributes:
        reference: ``name@N``, ``name`` for all versions of one, or a full Git reference that is no version.
        code: ``tag-moved``, ``lock-edited`` ...; see `catalog.verify.verifying`.
        severity: ``warning`` is for what may be in order; it does not make the answer no.
        expected, found: empty where there is nothing to name.
    """

    reference: str
    code: str
    severity: Severity
    message: str
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The answer of `verify`: how many versions were looked at, and what is wrong with them."""

    verified: int
    findings: tuple[Discrepancy, ...]

    @property
    def ok(self) -> bool:
        """True when nothing is wrong; warnings do not count."""
        return all(item.severity != "error" for item in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """What `lock` did for one environment; `stale` is the answer of `lock --check` alone."""

    environment: str
    status: LockStatus
    lock: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of `doctor`; `hint` says what to do where the state is not ``ok``."""

    name: str
    state: FindingState
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check that was run.

    Attributes:
        exit_code: of the command; None when it was killed because its time was over.
        output: the last 4 KiB of stdout and stderr together, decoded as UTF-8 with replacement.
        seconds: wall-clock time.
    """

    command: str
    exit_code: int | None
    output: str
    seconds: float

    @property
    def ok(self) -> bool:
        """True for exit code 0."""
        return self.exit_code == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """How the checks of one platform went.

    Attributes:
        how: ``engine``, ``namespace``, ``none`` (nothing to run) or ``not-run`` (nowhere to run; see `note`).
        results: up to and including the first that failed.
        note: one sentence for people; empty when there is nothing to say.
    """

    platform: str
    how: CheckHow
    results: tuple[CheckResult, ...] = ()
    note: str = ""

    @property
    def ok(self) -> bool:
        """True unless a check that was run failed."""
        return all(result.ok for result in self.results)
