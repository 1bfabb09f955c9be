"""`blame`: since which commit and version each package of a lock is there, and since when at its version."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from envcatalog.catalog.history.lines import Line, Lines, object_id, read_lines
from envcatalog.catalog.history.log import versions_until
from envcatalog.catalog.places import lock_path
from envcatalog.git.history import last_change
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import OTHER_LIMIT
from envcatalog.git.trees import LOCK
from envcatalog.lock.file import load_lock
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.history import Origin, PackageKind

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

Package = tuple[PackageKind, str]
Packages = Mapping[Package, str]


def blame(catalog: Catalog, text: str, package: str | None = None) -> tuple[Origin, ...]:
    """Origins of the packages of the newest committed lock at a reference, by kind and name, without inherited ones.

    Args:
        package: only this one, as Python, conda or Debian spells it.

    Raises:
        UserError: the reference names nothing, or there is no lock.
        Refusal: the lock does not hold the package.
    """
    found = catalog.find(text)
    repository = catalog.repository
    tip = found.commit or repository.require_head()
    versions = versions_until(catalog, found)
    lines = read_lines(repository, found.name, tip, versions, (LOCK,))
    graph = _Graph(repository, found.name, lines)
    newest = last_change(repository, f"catalog/{found.name}/{lines.lines[0].file}".rstrip("/"), tip)
    packages = graph.packages(newest) if newest else {}
    if not packages:
        raise UserError(
            f"`{text}` has no committed lock with packages", f"run `envcat lock {found.name}`, and commit"
        )
    wanted = [key for key in sorted(packages) if package is None or key[1] == _spelled(key[0], package)]
    if not wanted or newest is None:
        near = difflib.get_close_matches((package or "")[:80], [name for _, name in packages], n=1)
        hint = f"did you mean `{near[0]}`" if near else f"run `envcat search {package}`"
        raise Refusal(f"`{text}` does not hold `{package}` itself", hint)
    return tuple(_origin(graph, newest, key) for key in wanted)


def _origin(graph: _Graph, newest: str, key: Package) -> Origin:
    installed = graph.packages(newest)[key]
    since = graph.back(newest, lambda packages: packages.get(key) == installed)
    first = graph.back(since, lambda packages: key in packages)
    kind, name = key
    return Origin(
        package=name,
        kind=kind,
        installed=installed,
        since=graph.line.commits[since],
        since_version=graph.lines.version_of.get(since),
        first=graph.line.commits[first],
        first_version=graph.lines.version_of.get(first),
    )


class _Graph:
    """The locks along the commits that changed them."""

    def __init__(self, repository: CatalogRepository, name: str, lines: Lines) -> None:
        self.lines = lines
        self.line: Line = lines.lines[0]
        self._name = name
        self._repository = repository
        self._known: dict[str, Packages] = {}

    def back(self, start: str, holds: Callable[[Packages], bool]) -> str:
        """The earliest commit from which on, up to `start`, the condition holds on one way at least."""
        commit = start
        while True:
            earlier = (one for one in self.line.parents[commit] if one in self.line.parents)
            found = next((one for one in earlier if holds(self.packages(one))), None)
            if found is None:
                return commit
            commit = found

    def packages(self, commit: str) -> Packages:
        """What the lock held; nothing where there was none that can be read."""
        lock = object_id(self.lines.folders.get(commit), LOCK)
        if lock is None:
            return {}
        if lock not in self._known:
            self._known[lock] = self._read(lock)
        return self._known[lock]

    def _read(self, lock_id: str) -> Packages:
        try:
            data = self._repository.objects.read(lock_id, limit=OTHER_LIMIT).data
            lock = load_lock(data, lock_path(self._name))
        except UserError:
            return {}
        found: dict[Package, set[str]] = {}
        for platform in lock.platforms:
            for deb in platform.debs:
                found.setdefault(("deb", deb.name), set()).add(deb.version)
            for package in platform.conda:
                found.setdefault(("conda", package.name), set()).add(package.version)
            for project in platform.projects:
                found.setdefault(("python", project.name), set()).add(project.version)
        return {key: ", ".join(sorted(versions)) for key, versions in found.items()}


def _spelled(kind: PackageKind, package: str) -> str:
    if kind != "python":
        return package.lower() if kind == "conda" else package
    from packaging.utils import canonicalize_name

    return canonicalize_name(package)
