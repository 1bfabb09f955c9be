"""What importers of lock files have in common: exact packages of some platforms to one list of MatchSpecs.

A definition has one list for all its platforms. A package that is the same everywhere keeps its build; one whose
builds differ keeps its version; one whose versions differ keeps its name. One that a platform lacks is left to the
solver, which adds it where another package needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import refusal
from envcatalog.formats.incoming.conda.draft import MAX_PACKAGES, CondaReading
from envcatalog.formats.incoming.conda.match_spec import SUBDIRS, Spec

_ARCHIVE = re.compile(
    r"(?P<channel>.+?)/(?P<subdir>noarch|[a-z]+-[a-z0-9_]+)/(?P<name>[^/#]+?)-(?P<version>[^-/#]+)-(?P<build>[^-/#]+)"
    r"\.(?:conda|tar\.bz2)(?:#.*)?\Z"
)
_WHEEL = re.compile(r"(?:.*/)?(?P<name>[^/-]+)-(?P<version>[^/-]+)(?:-[^/-]+)*\.whl(?:[#?\s].*)?\Z")
_ALL = "noarch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package of one platform.

    Attributes:
        channel: the channel's name or address.
        subdir: ``linux-64`` or another; ``noarch`` for a package that is about no platform in particular.
        build: empty where it is not known.
    """

    name: str
    version: str
    build: str
    channel: str
    subdir: str
    line: int

    @property
    def text(self) -> str:
        """As conda lists it."""
        return "=".join(part for part in (self.name, self.version, self.build) if part)


def pin_of(url: str, line: int, platform: str = "") -> Pin | None:
    """The package of an archive's address; None for what is no archive of a channel.

    Args:
        platform: which one the file lists it for; the archive's own where it does not say.
    """
    match = _ARCHIVE.match(url)
    if match is None:
        return None
    return Pin(
        name=match["name"],
        version=match["version"],
        build=match["build"],
        channel=match["channel"],
        subdir=platform or match["subdir"],
        line=line,
    )


def wheel_of(url: str) -> tuple[str, str] | None:
    """Name and version of a wheel's address; None for all else."""
    match = _WHEEL.match(url)
    return (match["name"].replace("_", "-"), match["version"]) if match else None


def linux_of(subdirs: Iterable[str], wanted: Sequence[str], origin: str, line: int = 0) -> tuple[str, ...]:
    """Those of a file's platforms that the environment is made for, as the file names them.

    Raises:
        Refusal: there are none.
    """
    named = {subdir: SUBDIRS[subdir] for subdir in subdirs if subdir in SUBDIRS}
    others = sorted({subdir for subdir in subdirs if subdir not in SUBDIRS and subdir != _ALL})
    chosen = tuple(sorted(subdir for subdir, platform in named.items() if not wanted or platform in wanted))
    if not chosen and (others or (named and wanted)):
        listed = ", ".join(bare(subdir, 40) for subdir in sorted({*named, *others})[:8])
        asked = f"was asked for {', '.join(wanted)}" if wanted and named else "is for Linux"
        raise refusal(
            origin,
            line,
            f"it locks packages for {listed}, and the environment {asked}",
            "lock it for linux-64",
        )
    return chosen


def add_pins(reading: CondaReading, pins: Sequence[Pin], subdirs: Sequence[str]) -> None:
    """Add what is locked for these platforms to the reading.

    Args:
        subdirs: as `linux_of` gives them; packages of others are no part of it.
    """
    wanted = [*subdirs] or [_ALL]
    reading.platforms |= {SUBDIRS[subdir] for subdir in subdirs}
    by_name: dict[str, dict[str, Pin]] = {}
    for pin in pins:
        for subdir in wanted if pin.subdir == _ALL else [pin.subdir]:
            if subdir in wanted:
                by_name.setdefault(pin.name, {})[subdir] = pin
    if len(by_name) > MAX_PACKAGES:
        raise refusal(reading.origin, pins[0].line, f"it locks more than {MAX_PACKAGES} packages")
    kept = [found for found in by_name.values() if len(found) == len(wanted)]
    channels: dict[str, str | None] = {}
    for pin in (next(iter(found.values())) for found in kept):
        if pin.channel and pin.channel not in channels:
            channels[pin.channel] = reading.channel(pin.channel, pin.line)
    for found in by_name.values():
        first = next(iter(found.values()))
        if len(found) < len(wanted):
            reason = f"only {', '.join(found)} has it; it is added there where another package needs it"
            reading.note(first.line, first.text, reason, lost=False)
            continue
        _add(reading, list(found.values()), len(set(channels.values())) > 1)


def _add(reading: CondaReading, pins: Sequence[Pin], qualified: bool) -> None:
    first = pins[0]
    same_version = len({pin.version for pin in pins}) == 1
    same_build = same_version and len({pin.build for pin in pins}) == 1
    spec = Spec(
        first.name.lower(),
        condition=f"{'=' if same_build and first.build else '=='}{first.version}" if same_version else "",
        build=first.build if same_build else "",
        channel=first.channel if qualified and len({pin.channel for pin in pins}) == 1 else "",
    )
    if not same_version:
        versions = " and ".join(sorted({pin.version for pin in pins}))
        reading.note(first.line, first.text, f"the platforms have {versions}; carried over without a version")
    elif not same_build:
        reason = "its builds differ by platform; carried over without one"
        reading.note(first.line, first.text, reason, lost=False)
    reading.locked(spec, first.text, first.line)
