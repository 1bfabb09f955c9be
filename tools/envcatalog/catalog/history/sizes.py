"""How much there is to download, and how much it takes when unpacked: all that the locks of one side name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from envcatalog.catalog.history.side import Side
from envcatalog.model.change import Download, Installed
from envcatalog.model.known import Contents, LicenseUse, PlatformSizes, installed_size, learnt, license_of
from envcatalog.model.lock import Artefact, Deb, Known


def compare_downloads(before: Side, after: Side) -> tuple[Download, ...]:
    """Bytes by platform. A base image's layers are in no lock, so they do not count."""
    old, new = _artefacts(before), _artefacts(after)
    return tuple(
        Download(platform=platform, before=_bytes(old.get(platform)), after=_bytes(new.get(platform)))
        for platform in sorted(old.keys() | new.keys())
    )


def compare_installed(before: Side, after: Side) -> tuple[Installed, ...]:
    """Installed bytes by platform. What either side learnt of a file holds for both, since its bytes are the same."""
    known = learnt(lock for side in (before, after) for _, lock in side.locks)
    old, new = _artefacts(before), _artefacts(after)
    return tuple(
        _installed(platform, old.get(platform), new.get(platform), known)
        for platform in sorted(old.keys() | new.keys())
    )


def contents_of(side: Side) -> Contents | None:
    """Sizes by platform and licences of one side; None where a lock is missing."""
    if any(lock is None for _, lock in side.locks):
        return None
    known = learnt(lock for _, lock in side.locks)
    by_platform = sorted(_artefacts(side).items())
    return Contents(
        sizes=tuple(
            PlatformSizes(
                platform=platform,
                download=sum(item.size for item in artefacts),
                installed=installed_size(artefacts, known),
            )
            for platform, artefacts in by_platform
        ),
        licenses=_licenses((item for _, artefacts in by_platform for item in artefacts), known),
    )


def _licenses(artefacts: Iterable[Artefact], known: Mapping[str, Known]) -> tuple[LicenseUse, ...]:
    found: dict[str, tuple[str, set[str]]] = {}
    for item in artefacts:
        if not isinstance(item, Deb):
            text = license_of(item, known)
            found.setdefault(text.casefold(), (text, set()))[1].add(item.name)
    uses = (LicenseUse(license=text, packages=tuple(sorted(names))) for text, names in found.values())
    return tuple(sorted(uses, key=lambda use: (not use.license, -len(use.packages), use.license)))


def _installed(
    platform: str,
    before: Sequence[Artefact] | None,
    after: Sequence[Artefact] | None,
    known: Mapping[str, Known],
) -> Installed:
    old = None if before is None else installed_size(before, known)
    new = None if after is None else installed_size(after, known)
    growth = None
    if old is not None and new is not None and _unknown(before, known) == _unknown(after, known):
        growth = new.size - old.size
    return Installed(platform=platform, before=old, after=new, growth=growth)


def _unknown(artefacts: Sequence[Artefact] | None, known: Mapping[str, Known]) -> set[str]:
    return {item.sha256 for item in artefacts or () if known.get(item.sha256, Known()).installed is None}


def _bytes(artefacts: Sequence[Artefact] | None) -> int | None:
    return None if artefacts is None else sum(item.size for item in artefacts)


def _artefacts(side: Side) -> dict[str, list[Artefact]]:
    """By platform; only of the platforms that the environment is for."""
    found: dict[str, list[Artefact]] = {}
    wanted = side.environment.platforms if side.environment else ()
    for _, lock in side.locks:
        for part in lock.platforms if lock else ():
            if part.platform in wanted and part.artefacts:
                found.setdefault(part.platform, []).extend(part.artefacts)
    return found
