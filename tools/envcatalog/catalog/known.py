"""The versions that Git knows of, read once for a command."""

from __future__ import annotations

from collections.abc import Sequence

from envcatalog.git.repository import CatalogRepository
from envcatalog.git.versions import versions
from envcatalog.model.version import Version


class VersionsByName:
    """Versions of a name, ascending; one question to Git for one name, and one for many."""

    MANY = 4

    def __init__(self, repository: CatalogRepository, names: Sequence[str]) -> None:
        self._repository = repository
        self._found: dict[str, list[Version]] = {}
        if len(names) > self.MANY:
            self._found = {name: [] for name in names}
            for version in versions(repository):
                self._found.setdefault(version.name, []).append(version)

    def __call__(self, name: str) -> Sequence[Version]:
        if name not in self._found:
            self._found[name] = list(versions(self._repository, name))
        return sorted(self._found[name], key=lambda version: version.number)

    def learn(self, version: Version) -> None:
        """Take in a version that was claimed, and those that others claimed before it."""
        known = self(version.name)
        if version.number == max((item.number for item in known), default=0) + 1:
            self._found[version.name] = [*known, version]
        else:
            del self._found[version.name]
