"""One difference between two environments, as data; rendered elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ChangeKind = Literal["added", "removed", "upgraded", "downgraded", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A changed value.

    Attributes:
        path: ``python.packages.pandas``, ``variables.OMP_NUM_THREADS``, ``base`` ...
        before, after: None where there is none.
        direct: asked for in the definition, not only a consequence of it (packages only).
        inherited_from: the environment whose lock holds the package, where it is not the compared one's own.
    """

    path: str
    kind: ChangeKind
    before: str | None
    after: str | None
    direct: bool = True
    inherited_from: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Bytes of all locked files of one platform, inherited ones included; None where a side has none."""

    platform: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What a pull request changes in one environment, metadata included.

    Attributes:
        note: why there are no changes to show: it is removed, or a side cannot be read.
    """

    environment: str
    changes: tuple[Change, ...] = ()
    downloads: tuple[Download, ...] = ()
    note: str = ""
