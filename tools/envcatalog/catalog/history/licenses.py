"""Licences of packages whose files differ between two sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from envcatalog.catalog.history.side import Side, artefacts_of
from envcatalog.model.change import LicenseChange
from envcatalog.model.known import learnt, license_of
from envcatalog.model.lock import Artefact, Known

_Files = dict[str, dict[str, Artefact]]  # package to its artefacts by sha256


class Licenses:
    """Licences of packages of one kind. The same file on both sides is no change, whatever their locks know of it."""

    def __init__(self, kind: str, before: Side, after: Side) -> None:
        self._kind = kind
        self._before = before
        self._after = after

    def of(self, name: str) -> LicenseChange | None:
        """Of a package; None where its files are the same, or no licence is known."""
        if self._kind == "apt" or not self._known:
            return None
        old, new = self._files
        was, now = old.get(name, {}), new.get(name, {})
        if was.keys() == now.keys():
            return None
        before = self._named(was[sha256] for sha256 in was.keys() - now.keys())
        after = self._named(now[sha256] for sha256 in now.keys() - was.keys())
        return LicenseChange(before=before, after=after) if before or after else None

    def _named(self, artefacts: Iterable[Artefact]) -> str | None:
        """The licences of the files of all platforms; None where one is not known."""
        found = {license_of(item, self._known) for item in artefacts}
        return ", ".join(sorted(found)) if found and "" not in found else None

    @cached_property
    def _known(self) -> Mapping[str, Known]:
        return learnt(lock for side in (self._before, self._after) for _, lock in side.locks)

    @cached_property
    def _files(self) -> tuple[_Files, _Files]:
        return _files(self._kind, self._before), _files(self._kind, self._after)


def _files(kind: str, side: Side) -> _Files:
    found: _Files = {}
    for _, lock in side.locks:
        for platform in lock.platforms if lock else ():
            for artefact in artefacts_of(kind, platform):
                found.setdefault(artefact.name, {})[artefact.sha256] = artefact
    return found
