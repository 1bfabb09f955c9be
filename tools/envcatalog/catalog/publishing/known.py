"""The versions that Git knows of, read once for a command."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from envcatalog.catalog.places import lock_path
from envcatalog.git.remote import sync_versions
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import OTHER_LIMIT
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.tag_object import parse_tag_name
from envcatalog.git.versions import scan
from envcatalog.model.errors import UserError
from envcatalog.model.seams import Progress, Silent
from envcatalog.model.version import Version


class PassedOver:
    """Says of a tag that only looks like a version that it is passed over: once of each, and of a few."""

    FEW = 10

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()

    def __call__(self, item: Suspicion) -> None:
        if item.where in self._said or len(self._said) == self.FEW:
            return
        self._said.add(item.where)
        shown = item.where.removeprefix("refs/tags/")[:80]
        self._progress.step(f"warning: the tag `{shown}` {item.reason}, so it is passed over")


class VersionsByName:
    """Versions of a name, ascending; one question to Git for one name, and one for many.

    Args:
        passed_over: told of each tag that looks like a version and stands in no version's place.
        remote: where `again` looks for what is new, too.
    """

    MANY = 4
    MOST = 1000

    def __init__(
        self,
        repository: CatalogRepository,
        names: Sequence[str],
        passed_over: PassedOver | None = None,
        *,
        remote: str | None = None,
    ) -> None:
        self._repository = repository
        self._remote = remote
        self._say = passed_over or PassedOver(Silent())
        self._found: dict[str, list[Version]] = {}
        self._suspicious: dict[str, list[Suspicion]] = {}
        if len(names) > self.MANY:
            self._found = {name: [] for name in names}
            self._read(None, only=self._found.keys() if len(names) < self.MOST else None)

    def __call__(self, name: str) -> Sequence[Version]:
        if name not in self._found:
            self._found[name] = []
            self._suspicious.pop(name, None)
            self._read(name)
        return sorted(self._found[name], key=lambda version: version.number)

    def suspicious(self, name: str) -> Sequence[Suspicion]:
        """What stands in the place of a version of the name, or of the record of one's image, and is none."""
        self(name)
        return tuple(self._suspicious.get(name, ()))

    def again(self, name: str) -> bool:
        """Ask once more; whether there are other versions than before.

        Raises:
            UserError: the remote cannot be reached.
        """
        before = self(name)
        if self._remote is not None:
            sync_versions(self._repository, self._remote, [name])
        del self._found[name]
        return self(name) != before

    def lock_of(self, version: Version) -> bytes | None:
        """The lock file in a version's commit; None where there is none or where the commit is not here."""
        place = f"{version.commit}:{lock_path(version.name)}"
        try:
            found = self._repository.objects.read(place, limit=OTHER_LIMIT, missing_too=True)
        except UserError:  # a partial clone without it, or a broken object
            return None
        return found.data if found.kind == "blob" and found.size <= OTHER_LIMIT else None

    def _read(self, name: str | None, only: Collection[str] | None = None) -> None:
        scanned = scan(self._repository, name, only=only)
        for version in scanned.versions:
            self._found.setdefault(version.name, []).append(version)
        for item in scanned.suspicious:
            tag = parse_tag_name(item.where.rpartition("/")[2])
            if tag is None or item.kind == "misnamed":
                self._say(item)
            else:
                self._suspicious.setdefault(tag.name, []).append(item)

    def learn(self, version: Version) -> None:
        """Take in a version that was claimed, and those that others claimed before it."""
        known = self(version.name)
        if version.number == max((item.number for item in known), default=0) + 1:
            self._found[version.name] = [*known, version]
        else:
            del self._found[version.name]
