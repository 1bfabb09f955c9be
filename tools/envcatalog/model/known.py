"""What locks know of their artefacts, put together: how large they are when unpacked, and their licences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from envcatalog.model.lock import Artefact, CondaPackage, Deb, Known, Lock

# What tools write where they found no licence; SPDX calls it NOASSERTION.
_NO_ANSWER = frozenset({"", "unknown", "noassertion"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSize:
    """Bytes of files when unpacked; byte code and base images are not counted.

    Attributes:
        size: of the files whose size is known.
        unknown: how many files there are whose size is not.
        files: how many files there are at all.
    """

    size: int
    unknown: int
    files: int

    @property
    def exact(self) -> int | None:
        """All bytes; None where they are not all known."""
        return None if self.unknown else self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSizes:
    """Bytes of all locked files of one platform, inherited ones included."""

    platform: str
    download: int
    installed: KnownSize


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseUse:
    """The packages under one licence, sorted by name; an empty licence for those of which none is known."""

    license: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the locks of an environment and of those it inherits from amount to.

    Attributes:
        licenses: the most used first, what is not known last; Debian packages are not among them.
    """

    sizes: tuple[PlatformSizes, ...]
    licenses: tuple[LicenseUse, ...]


def learnt(locks: Iterable[Lock | None]) -> dict[str, Known]:
    """sha256 to what any of the locks knows; of two answers the later lock's holds.

    A file is what its bytes are, so what one lock learnt of it holds for all. Files that were never asked about are
    not there, unless a conda record named their licence.
    """
    found: dict[str, Known] = {}
    for lock in filter(None, locks):
        for sha256, known in lock.known:
            found[sha256] = _both(found.get(sha256), known)
        for part in lock.platforms:
            for item in part.conda:
                if item.license:
                    before = found.get(item.sha256, Known())
                    found[item.sha256] = replace(before, license=item.license)
    return found


def license_of(artefact: Artefact, known: Mapping[str, Known]) -> str:
    """The licence of an artefact; empty where none is known. Debian's index names none."""
    if isinstance(artefact, Deb):
        return ""
    found = known.get(artefact.sha256, Known()).license
    if isinstance(artefact, CondaPackage):
        found = artefact.license or found
    return license_text(found)


def license_text(text: str) -> str:
    """A licence as a package names it, with single spaces; empty where it only says that it names none."""
    text = " ".join(text.split())
    return "" if text.casefold() in _NO_ANSWER else text


def installed_size(artefacts: Iterable[Artefact], known: Mapping[str, Known]) -> KnownSize:
    """The installed bytes of artefacts, as far as they are known."""
    sizes = [known.get(item.sha256, Known()).installed for item in artefacts]
    found = [size for size in sizes if size is not None]
    return KnownSize(size=sum(found), unknown=len(sizes) - len(found), files=len(sizes))


def _both(before: Known | None, after: Known) -> Known:
    if before is None or before == after:
        return after
    return Known(
        installed=before.installed if after.installed is None else after.installed,
        license=after.license or before.license,
    )
