"""What a catalog asks of its environments beyond what makes them valid; see `policy:` in the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Rule = Literal[
    "base", "banned", "required", "pinned", "owners", "size", "growth", "reserved", "secrets", "licenses"
]
RULES: tuple[Rule, ...] = get_args(Rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRule:
    """A rule that has nothing to set but its reason, which is shown in each of its messages."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRule:
    """The bases that are allowed, exactly or with ``*`` at the end; a kind without any is not allowed at all."""

    debian: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRule:
    """One package that is banned or required.

    Attributes:
        name: normalised (PEP 503), or a Debian or conda package's name.
        specifier: versions as in PEP 440, or as conda has them; empty for all; always empty for a Debian package.
    """

    name: str
    debian: bool = False
    conda: bool = False
    specifier: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LicensesRule:
    """Licences that locked packages may have. Debian packages are not judged: their index names none.

    Attributes:
        allowed, banned: SPDX identifiers, with an exception (`` WITH ``) where wanted, or other names of licences,
            exactly or with ``*`` at the end; no `allowed` allows all that is not banned.
        unknown: what becomes of packages whose licence is not known.
    """

    allowed: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    unknown: Literal["allow", "refuse"] = "allow"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersRule:
    """How many owners an environment must have, and which may be named; no pattern allows any."""

    minimum: int = 1
    allowed: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """Limits in bytes of all locked files of a platform, as they are downloaded and as they are unpacked."""

    download: int | None = None
    installed: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """A limit in per cent."""

    most: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedRule:
    """Who may use a reserved prefix: only these names, and only with one of these owners; empty asks nothing."""

    names: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyException:
    """Lets one environment break one rule until a day.

    Attributes:
        package: for `banned`, `required`, `pinned` and `licenses`: only for this package; empty for all.
        until: ``YYYY-MM-DD``, the last day on which it holds.
    """

    environment: str
    rule: str
    until: str
    reason: str
    package: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All rules; None or empty where there is none."""

    base: BaseRule | None = None
    banned: tuple[PackageRule, ...] = ()
    required: tuple[PackageRule, ...] = ()
    pinned: PlainRule | None = None
    owners: OwnersRule | None = None
    size: SizeRule | None = None
    growth: LimitRule | None = None
    reserved: ReservedRule | None = None
    secrets: PlainRule | None = None
    licenses: LicensesRule | None = None
    exceptions: tuple[PolicyException, ...] = ()
