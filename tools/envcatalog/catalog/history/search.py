"""`search`: which environments hold a package, or one under a licence. The question of a CVE day, so what cannot be
answered is said, too.

A lock is parsed only if its bytes hold the name: in JSON without a backslash a string is spelled as it is.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.catalog.history.holdings import Holding, holdings, licensed, names_of
from envcatalog.catalog.history.wanted import Wanted, WantedLicense, read_license, read_wanted
from envcatalog.catalog.places import lock_path
from envcatalog.git.source import Source
from envcatalog.git.tag_object import parse_tag_name
from envcatalog.git.trees import LOCK
from envcatalog.git.versions import TAGS, has_tags, scan
from envcatalog.lock.file import load_lock
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.found import Match, SearchResult, Unread
from envcatalog.model.history import PackageKind
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

_MOST_BROKEN = 20


def search(
    catalog: Catalog,
    text: str,
    *,
    kind: PackageKind | None = None,
    all_versions: bool = False,
    alias: str | None = None,
) -> SearchResult:
    """Search the locks of the work tree, of all versions, or of the versions that an alias names.

    Raises:
        UserError: the text is no package with a condition and no licence, or the catalog has no such alias.
    """
    finder = _Finder(read_license(text, kind) or read_wanted(text, kind))
    if not all_versions and alias is None:
        finder.work_tree(catalog.content)
        return finder.result()
    if alias is not None:
        _check_alias(catalog, alias)
    if catalog.repository.is_shallow and not has_tags(catalog.repository):
        raise UserError("this clone is shallow and has no version tag to search", "run `git fetch --tags`")
    for version in _chosen(catalog, alias, finder):
        finder.version(catalog, version)
    return finder.result()


def _chosen(catalog: Catalog, alias: str | None, finder: _Finder) -> Iterator[Version]:
    found = scan(catalog.repository)
    by_reference = {(version.name, version.number): version for version in found.versions}
    if alias is None:
        for item in found.suspicious:
            tag = parse_tag_name(item.where.removeprefix(TAGS))
            if tag is None:
                catalog.passed_over(item)
            else:
                finder.unread(tag.name, tag.number, f"its tag {item.reason}")
        yield from found.versions
        return
    for item in catalog.content.source.skipped():
        finder.unread(item.where, None, f"it {item.reason}")
    for name in catalog.content.names:
        environment = catalog.content.reading(name).environment
        if environment is None:
            finder.unread(name, None, "its definition has problems, so its aliases are not known")
            continue
        number = dict(environment.aliases).get(alias)
        if number is None:
            continue
        if (name, number) in by_reference:
            yield by_reference[name, number]
        else:
            finder.unread(name, number, f"`{alias}` names it, and there is no such version here")


def _check_alias(catalog: Catalog, alias: str) -> None:
    have = catalog.content.settings.aliases
    if alias in have:
        return
    shown = ascii(alias[:60])[1:-1]
    near = difflib.get_close_matches(alias[:60], have, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "`aliases` in `catalog/catalog.yaml` lists them"
    raise UserError(f"the catalog has no alias `{shown}`", hint)


class _Finder:
    """Collects matches."""

    def __init__(self, wanted: Wanted | WantedLicense) -> None:
        self._wanted = wanted
        self._needles = [f'"{name}"'.encode() for name in names_of(wanted)]
        self._unknown: set[str] = set()
        self._matches: list[Match] = []
        self._unread: list[Unread] = []
        self._searched = 0
        self._broken = 0

    def work_tree(self, content: Content) -> None:
        """All locks on disk."""
        own: dict[str, tuple[Holding, ...]] = {}
        bases: dict[str, str] = {}
        seen = set()
        for name, data in _locks(content.source):
            seen.add(name)
            if isinstance(data, Refusal):
                self.unread(name, None, data.message)
                continue
            held = self._held(name, None, data)
            if held:
                own[name] = held
            if b'"environment"' in data or b"\\" in data:
                base = _base(data)
                if base:
                    bases[name] = base
        for name in content.names:
            if name not in seen:
                self.unread(name, None, "it is not locked")
            self._add(name, None, _chain(name, bases, own))
        for item in content.source.skipped():
            self.unread(item.where, None, f"it {item.reason}")

    def version(self, catalog: Catalog, version: Version) -> None:
        """The lock of one version, and those it inherits from, at the version's commit."""
        source = catalog.at(version.commit).source
        chain: list[tuple[str, tuple[Holding, ...]]] = []
        name: str | None = version.name
        while name is not None and name not in (one for one, _ in chain):
            try:
                data = source.read(lock_path(name))
            except UserError as error:
                self.unread(version.name, version.number, error.message)
                if not isinstance(error, Refusal):
                    self._broken += 1
                    if self._broken > _MOST_BROKEN:  # each costs a process, and the cause is one for all
                        raise
                break
            if data is None:
                self.unread(version.name, version.number, f"`{lock_path(name)}` is missing")
                break
            chain.append((name, self._held(version.name, version.number, data)))
            name = _base(data)
        self._add(version.name, version.number, chain)
        catalog.forget(version.commit)

    def unread(self, name: str, number: int | None, reason: str) -> None:
        """Note what could not be searched."""
        self._unread.append(Unread(environment=name, version=number, reason=reason))

    def result(self) -> SearchResult:
        """All of it, in order."""
        ordered = sorted(
            self._matches,
            key=lambda item: (item.environment, item.version or 0, item.kind, item.package, item.installed),
        )
        return SearchResult(
            matches=tuple(ordered),
            unread=tuple(self._unread),
            searched=self._searched,
            unknown=len(self._unknown) if isinstance(self._wanted, WantedLicense) else None,
        )

    def _held(self, name: str, number: int | None, data: bytes) -> tuple[Holding, ...]:
        self._searched += 1
        if self._needles and b"\\" not in data and not any(needle in data for needle in self._needles):
            return ()
        try:
            if isinstance(self._wanted, WantedLicense):
                return tuple(licensed(data, self._wanted, self._unknown))
            return tuple(holdings(data, self._wanted))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            try:
                load_lock(data, lock_path(name))  # says what is wrong
                reason = "its lock cannot be read"
            except UserError as error:
                reason = error.message
            self.unread(name, number, reason)
            return ()

    def _add(self, name: str, number: int | None, chain: Iterable[tuple[str, tuple[Holding, ...]]]) -> None:
        for source, held in chain:
            grouped: dict[tuple[PackageKind, str, str, str], list[str]] = {}
            for kind, package, installed, platform, license_ in held:
                grouped.setdefault((kind, package, installed, license_), []).append(platform)
            for (kind, package, installed, license_), platforms in grouped.items():
                self._matches.append(
                    Match(
                        environment=name,
                        version=number,
                        package=package,
                        kind=kind,
                        installed=installed,
                        platforms=tuple(sorted(platforms)),
                        inherited_from="" if source == name else source,
                        license=license_,
                    )
                )


def _locks(source: Source) -> Iterator[tuple[str, bytes | Refusal]]:
    """Every lock by name, or why it is not read: one that is no plain file must not hide the others."""
    done = ""
    try:
        for done, data in source.read_each(LOCK):
            yield done, data
    except Refusal:
        for name in source.names():
            if name <= done:
                continue
            try:
                if (found := source.read(lock_path(name))) is not None:
                    yield name, found
            except Refusal as error:
                yield name, error


def _chain(
    name: str, bases: Mapping[str, str], own: Mapping[str, tuple[Holding, ...]]
) -> Iterator[tuple[str, tuple[Holding, ...]]]:
    seen: set[str] = set()
    one: str | None = name
    while one is not None and one not in seen:
        seen.add(one)
        if one in own:
            yield one, own[one]
        one = bases.get(one)


def _base(data: bytes) -> str | None:
    """The environment that a lock says it inherits from."""
    try:
        base = json.loads(data)["base"]
        return str(base["environment"]) if base and "environment" in base else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
