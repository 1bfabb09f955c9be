"""One difference between two environments, as data; rendered elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envcatalog.model.known import KnownSize

ChangeKind = Literal["added", "removed", "upgraded", "downgraded", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseChange:
    """The licences of a package's files that only one side has; None where one of them is not known."""

    before: str | None
    after: str | None

    @property
    def differs(self) -> bool:
        """Whether they are known to differ; SPDX identifiers compare without regard to case."""
        if self.before is None or self.after is None:
            return False
        return self.before.casefold() != self.after.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A changed value.

    Attributes:
        path: ``python.packages.pandas``, ``variables.OMP_NUM_THREADS``, ``base`` ...
        before, after: None where there is none.
        direct: asked for in the definition, not only a consequence of it (packages only).
        inherited_from: the environment whose lock holds the package, where it is not the compared one's own.
        license: of packages whose files changed; where that is all, `before` and `after` are the same version.
    """

    path: str
    kind: ChangeKind
    before: str | None
    after: str | None
    direct: bool = True
    inherited_from: str = ""
    license: LicenseChange | None = None

    @property
    def license_note(self) -> str:
        """``MIT -> AGPL-3.0-only``, or the licence of what is added; empty where there is nothing to say."""
        if self.license is None:
            return ""
        if self.license.differs:
            return f"{self.license.before} -> {self.license.after}"
        return (self.license.after or "") if self.kind == "added" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Bytes of all locked files of one platform, inherited ones included; None where a side has none."""

    platform: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What the same files take when unpacked, as far as it is known; None where a side has no files.

    Attributes:
        growth: bytes more; None where it cannot be told. It can where the files that are not known are the same.
    """

    platform: str
    before: KnownSize | None
    after: KnownSize | None
    growth: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedSettings:
    """What a pull request changes in `catalog.yaml`, the policy included.

    Attributes:
        let_pass: file and message of each problem that the settings before would have found, and these do not.
        note: why there are no changes to show.
    """

    changes: tuple[Change, ...] = ()
    let_pass: tuple[tuple[str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What a pull request changes in one environment, metadata included.

    Attributes:
        note: why there are no changes to show: it is removed, or a side cannot be read.
    """

    environment: str
    changes: tuple[Change, ...] = ()
    downloads: tuple[Download, ...] = ()
    installed: tuple[Installed, ...] = ()
    note: str = ""
