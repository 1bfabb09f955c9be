"""Learn of locked files what is beside their bytes: once for each file, best effort, and never a reason to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.lock.learning.archives import BadArchiveError, installed_of_deb, read_local
from envcatalog.lock.learning.remote import WHOLE_LIMIT, Place, ask
from envcatalog.lock.urls import Origin
from envcatalog.model.errors import UserError
from envcatalog.model.lock import Artefact, Deb, Known, LockedFile, Wheel
from envcatalog.model.seams import Progress, Silent
from envcatalog.model.settings import Settings

if TYPE_CHECKING:
    from envcatalog.lock.fetch import ArtefactStore


class Learner:
    """Asks for each file once, whatever becomes of it.

    Args:
        store: whose files at hand are read, and whose places are asked.
        cache: the cache folder, for Debian's indexes.
    """

    def __init__(self, store: ArtefactStore, settings: Settings, cache: Path, progress: Progress) -> None:
        self._store = store
        self._settings = settings
        self._cache = cache
        self._progress = progress
        self._asked: set[str] = set()
        self._found: dict[str, Known] = {}
        self._broken: Counter[Origin] = Counter()

    def learn(self, artefacts: Iterable[Artefact], suite: str | None) -> dict[str, Known]:
        """sha256 to what was learnt, also where that is nothing; those that could not be asked for are missing.

        Args:
            suite: Debian's, of the Debian packages.
        """
        wanted = {artefact.sha256: artefact for artefact in artefacts}
        new = [artefact for sha256, artefact in wanted.items() if sha256 not in self._asked]
        self._asked.update(artefact.sha256 for artefact in new)
        self._found |= self._learn(new, suite)
        return {sha256: self._found[sha256] for sha256 in wanted if sha256 in self._found}

    def _learn(self, artefacts: Sequence[Artefact], suite: str | None) -> dict[str, Known]:
        found: dict[str, Known] = {}
        debs = [artefact for artefact in artefacts if isinstance(artefact, Deb)]
        if debs and suite is not None:
            found |= self._debs(debs, suite)
        others = [artefact for artefact in artefacts if not isinstance(artefact, Deb)]
        found |= {item.sha256: known for item in others if (known := self._at_hand(item)) is not None}
        far = [artefact for artefact in others if artefact.sha256 not in found]
        if not far:
            return found
        noun = "file" if len(far) == 1 else "files"
        self._progress.step(f"asking how large {len(far)} {noun} will be, and for licences")
        small = [item for item in far if isinstance(item, LockedFile) and item.size <= WHOLE_LIMIT]
        places = list(self._places([item for item in far if item not in small]))
        answers = ask(places, self._store.credentials(), broken=self._broken)
        found |= answers.known
        return found | self._fetched([*small, *answers.whole])

    def _at_hand(self, artefact: Artefact) -> Known | None:
        if isinstance(artefact, LockedFile) and not artefact.is_project:
            return Known(installed=artefact.size)
        if not self._store.has(artefact):
            return None
        try:
            return read_local(artefact, self._store.path(artefact)).to_known()
        except (BadArchiveError, OSError):
            return Known()

    def _debs(self, debs: Sequence[Deb], suite: str) -> dict[str, Known]:
        """By the archives' signed indexes; those that an archive no longer lists, by the files that are here."""
        from envcatalog.lock.debian.indexes import load_indexes

        names = sorted({deb.architecture for deb in debs} - {"all"}) or ["amd64"]
        try:
            # What there is to say of the archives was said when they were solved.
            indexes = load_indexes(
                suite, names, settings=self._settings, cache=self._cache, progress=Silent()
            )
            listed = {
                package.deb.sha256: installed_of_deb(package.installed_size)
                for deb in debs
                for index in indexes.values()
                for package in index.versions(deb.name)
            }
        except UserError:
            return {}
        return {
            deb.sha256: Known(installed=listed[deb.sha256])
            if deb.sha256 in listed
            else self._at_hand(deb) or Known()
            for deb in debs
        }

    def _places(self, artefacts: Sequence[Artefact]) -> Iterator[Place]:
        wheels = [artefact for artefact in artefacts if isinstance(artefact, Wheel)]
        others = [[artefact] for artefact in artefacts if not isinstance(artefact, Wheel)]
        for group in ([wheels] if wheels else []) + others:
            with suppress(UserError):
                for sha256, urls in self._store.places(group).items():
                    yield next(item for item in group if item.sha256 == sha256), urls

    def _fetched(self, small: Sequence[Artefact]) -> dict[str, Known]:
        """They are needed to build the image in any case."""
        with suppress(UserError):
            self._store.prefetch(tuple(small))
        return {item.sha256: known for item in small if (known := self._at_hand(item)) is not None}
