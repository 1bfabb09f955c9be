"""`log`: versions, the commits between them, and what each commit changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from envcatalog.catalog.history.differ import Side, diff_sides
from envcatalog.catalog.history.lines import FILES, Lines, read_lines
from envcatalog.catalog.history.resolve import Resolved, resolve_reference
from envcatalog.catalog.history.summary import one_line
from envcatalog.catalog.places import definition_path, lock_path
from envcatalog.definition.reader import read_environment
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.signatures import signatures as check_signatures
from envcatalog.git.source import DEFINITION_LIMIT, OTHER_LIMIT
from envcatalog.git.trees import DEFINITION, LOCK
from envcatalog.git.versions import merged_versions, versions
from envcatalog.lock.file import load_lock
from envcatalog.model.environment import Environment
from envcatalog.model.errors import UserError
from envcatalog.model.history import CommitEntry, EnvironmentLog, VersionEntry
from envcatalog.model.lock import Lock
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def environment_log(
    catalog: Catalog, text: str, *, limit: int | None = None, commits: bool = True, signatures: bool = False
) -> EnvironmentLog:
    """Versions up to a reference, newest first.

    Args:
        limit: how many versions at most.
        commits: also walk the commits; without, Git's history is not read at all.
        signatures: also check the signatures, with a process for each signed tag.

    Raises:
        UserError: the reference names nothing.
    """
    found = _found(catalog, text)
    known = versions_until(catalog, found)
    chosen = known[max(0, len(known) - limit) :] if limit is not None else known
    numbers = {version.number for version in chosen}
    entries: Mapping[int | None, list[CommitEntry]] = {}
    if commits:
        tip = found.commit or catalog.repository.head()
        lines = read_lines(catalog.repository, found.name, tip, known, FILES)
        entries = _entries(catalog.repository, found.name, lines, numbers)
    aliases = _aliases(catalog, found)
    judged = check_signatures(catalog.repository, [item.tag for item in chosen]) if signatures else {}
    return EnvironmentLog(
        name=found.name,
        versions=tuple(
            VersionEntry(
                version=version,
                aliases=tuple(alias for alias, number in aliases if number == version.number),
                commits=tuple(entries.get(version.number, ())),
                signature=judged[version.tag].state if signatures else "",
                signer=judged[version.tag].detail if signatures else "",
            )
            for version in reversed(chosen)
        ),
        unpublished=tuple(entries.get(None, ())),
        shallow=catalog.repository.is_shallow,
    )


def versions_until(catalog: Catalog, found: Resolved) -> Sequence[Version]:
    """The versions that a reference can see, ascending."""
    known = catalog.known(found.name)
    if found.version is not None:
        return [version for version in known if version.number <= found.version.number]
    if found.commit is not None:
        merged = merged_versions(catalog.repository, found.name, found.commit)
        return [version for version in known if version.number in merged]
    return known


def _found(catalog: Catalog, text: str) -> Resolved:
    try:
        return resolve_reference(catalog, text)
    except UserError:
        from envcatalog.catalog.history.reference import parse_reference

        reference = parse_reference(text)
        if reference.is_worktree and versions(catalog.repository, reference.name):
            return Resolved(name=reference.name, content=catalog.content)  # deleted, but not forgotten
        raise


def _aliases(catalog: Catalog, found: Resolved) -> Sequence[tuple[str, int]]:
    if catalog.content.source.read(definition_path(found.name)) is None:
        return ()
    environment = catalog.content.reading(found.name).environment
    return environment.aliases if environment else ()


def _entries(
    repository: CatalogRepository, name: str, lines: Lines, numbers: Iterable[int]
) -> dict[int | None, list[CommitEntry]]:
    wanted: set[int | None] = {None, *numbers}
    shown = [key for key in lines.commits if lines.version_of.get(key) in wanted]
    states = _States(repository, name, lines, shown)
    found: dict[int | None, list[CommitEntry]] = {}
    commits = lines.commits
    for key in shown:
        version = lines.version_of.get(key)
        entry = CommitEntry(commit=commits[key], summary=states.summary(key), version=version)
        found.setdefault(version, []).append(entry)
    return found


class _States:
    """Definitions and locks of commits, each object read and parsed once."""

    def __init__(self, repository: CatalogRepository, name: str, lines: Lines, shown: Sequence[str]) -> None:
        self._name = name
        self._lines = lines
        self._repository = repository
        self._shown = shown
        self._environments: dict[str, Environment | None] = {}
        self._locks: dict[str, Lock | None] = {}

    def summary(self, commit: str) -> str:
        """What the commit changed, in a line."""
        before, after = self._side(commit, before=True), self._side(commit, before=False)
        return one_line(before, after, diff_sides(before, after))

    @cached_property
    def _data(self) -> Mapping[str, bytes]:
        wanted = {
            object_id
            for commit in self._shown
            for file in FILES
            for object_id in (self._lines.before(commit, file), self._lines.after(commit, file))
            if object_id
        }
        found = self._repository.objects.read_many(sorted(wanted), limit=OTHER_LIMIT, missing_too=True)
        return {item.id: item.data for item in found if item.kind == "blob"}

    def _side(self, commit: str, *, before: bool) -> Side:
        at = self._lines.before if before else self._lines.after
        definition, lock = at(commit, DEFINITION), at(commit, LOCK)
        return Side(
            environment=self._environment(definition) if definition else None,
            lock=self._lock(lock) if lock else None,
        )

    def _environment(self, object_id: str) -> Environment | None:
        if object_id not in self._environments:
            data = self._data.get(object_id, b"")[: DEFINITION_LIMIT + 1]
            reading = read_environment(data, definition_path(self._name), folder=self._name)
            self._environments[object_id] = reading.environment
        return self._environments[object_id]

    def _lock(self, object_id: str) -> Lock | None:
        if object_id not in self._locks:
            try:
                self._locks[object_id] = load_lock(self._data.get(object_id, b""), lock_path(self._name))
            except UserError:
                self._locks[object_id] = None
        return self._locks[object_id]
