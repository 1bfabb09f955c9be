"""`update`: locks made newer from the current commit, one commit on one branch for each change.

Everything is worked out in memory and written by Git's plumbing: the user's work tree and index are never touched.
An environment whose base becomes newer is locked anew in the same commit, so every commit is whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envcatalog.catalog.building.learning import with_known
from envcatalog.catalog.building.solving import Renewal, Solving
from envcatalog.catalog.building.workshop import Workshop
from envcatalog.catalog.content import Content
from envcatalog.catalog.history.differ import Side, diff_sides
from envcatalog.catalog.places import lock_path
from envcatalog.catalog.update.advisories import Advisories
from envcatalog.catalog.update.message import branch_name, commit_message
from envcatalog.git.source import Revision
from envcatalog.lock.file import dump_lock, lock_digest
from envcatalog.model.environment import EnvironmentBase
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import Artefact, Lock, LockedImage
from envcatalog.model.update import NotUpdated, Relocked, Update, UpdateGroup

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

Chosen = Mapping[
    str, frozenset[str] | None
]  # environment to the packages to make newer; None for all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """An update that is worked out and not written yet: the lock files of its commit."""

    update: Update
    files: Mapping[str, bytes]


@dataclass(slots=True, kw_only=True)
class Drafts:
    """All of them, and what could not be made newer."""

    drafted: list[Drafted] = field(default_factory=list)
    failed: list[NotUpdated] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to make newer.

    Attributes:
        names: environments; bases and children come along where they must.
        packages: these alone; empty for everything.
        advisories: only what they speak of; None for no such limit.
    """

    names: tuple[str, ...]
    packages: frozenset[str] = frozenset()
    advisories: Advisories | None = None
    group: UpdateGroup = "environment"
    prefix: str = "envcat/"


def draft_updates(catalog: Catalog, request: Request) -> Drafts:
    """What would become newer, from the current commit; nothing is written.

    Raises:
        ProblemsFound: a definition has problems.
        UserError: no commit yet; no lock holds a named package; an index, mirror or registry cannot be reached.
    """
    updating = _Updating(catalog, request)
    with closing(updating.workshop):
        return updating.run()


class _Updating:
    def __init__(self, catalog: Catalog, request: Request) -> None:
        self.catalog = catalog
        self.request = request
        self.commit = catalog.repository.require_head()
        self.before = catalog.at(self.commit)
        self.workshop = Workshop(
            root=catalog.repository.root,
            cache=catalog.cache,
            settings=self.before.settings,  # the commit's, whatever is being edited
            progress=catalog.progress,
        )
        self.children = _children(self.before)
        self.drafts = Drafts()
        self.mended: dict[str, dict[str, tuple[str, ...]]] = {}

    def run(self) -> Drafts:
        chosen = self._chosen()
        for key, part in self._groups(chosen):
            made: dict[str, Lock] = {}
            for family in self._families(part):
                made |= self._relock(family)
            if made:
                self.drafts.drafted.append(self._draft(key, part, made))
        return self.drafts

    def _chosen(self) -> Chosen:
        names = self.before.order(self.request.names)
        if self.request.advisories is not None:
            return self._affected(names, self.request.advisories)
        if not self.request.packages:
            return dict.fromkeys(names)
        spellings = {name: {name, re.sub(r"[-_.]+", "-", name).lower()} for name in self.request.packages}
        wanted = frozenset().union(*spellings.values())
        held = {name: wanted & _packages(self.before.lock(name)) for name in names}
        for package, spelt in sorted(spellings.items()):
            if spelt.isdisjoint(set().union(*held.values())):
                raise UserError(f"no lock here holds `{package}`", f"run `envcat search {package}`")
        return {name: frozenset(packages) for name, packages in held.items() if packages}

    def _affected(self, names: Sequence[str], advisories: Advisories) -> Chosen:
        for name in names:
            lock = self.before.lock(name)
            found = advisories.of(lock, self.before.suite(name)) if lock else {}
            if found:
                self.mended[name] = found
        return {name: frozenset(found) for name, found in self.mended.items()}

    def _groups(self, chosen: Chosen) -> Iterator[tuple[str, Chosen]]:
        kind = "security " if self.request.advisories is not None else ""
        if self.request.group == "all":
            yield f"{kind}all", chosen
        elif self.request.group == "environment":
            for name, packages in chosen.items():
                yield f"{kind}environment {name}", {name: packages}
        else:
            by_package: dict[str, dict[str, frozenset[str]]] = {}
            for name, found in self._named(chosen).items():
                for package in found:
                    by_package.setdefault(package, {})[name] = frozenset({package})
            for package, part in sorted(by_package.items()):
                yield f"{kind}package {package}", part

    def _named(self, chosen: Chosen) -> dict[str, frozenset[str]]:
        """Where everything may become newer, what does."""
        found = {name: packages for name, packages in chosen.items() if packages is not None}
        everything = {name: packages for name, packages in chosen.items() if packages is None}
        for family in self._families(everything):
            for name, lock in self._relock(family).items():
                if name in everything:
                    old, new = _versions(self.before.lock(name)), _versions(lock)
                    found[name] = frozenset(item for item in old if item in new and old[item] != new[item])
        return found

    def _families(self, chosen: Chosen) -> Iterator[Chosen]:
        """Environments that share a root: what one of them is refused holds up no other family."""
        families: dict[str, dict[str, frozenset[str] | None]] = {}
        for name, packages in chosen.items():
            families.setdefault(self.before.chain(name)[0].name, {})[name] = packages
        yield from families.values()

    def _relock(self, chosen: Chosen) -> dict[str, Lock]:
        """New locks of the chosen, of stale bases and of children, where they differ; empty where one is refused."""
        content = Content(Revision(self.catalog.repository, self.commit))
        made: dict[str, Lock] = {}
        asked = {
            name: Renewal(everything=packages is None, packages=packages or frozenset())
            for name, packages in chosen.items()
        }

        def keep(name: str, previous: Lock | None, lock: Lock) -> None:
            # To know more of the same files is no update.
            if previous is None or lock_digest(lock) != lock_digest(previous):
                lock = with_known(content, name, lock, previous=previous, workshop=self.workshop)
                made[name] = lock
            content.replace_lock(name, lock)

        solving: Solving | None = None
        try:
            solving = Solving(content, self._concerned(chosen), asked, self.workshop)
            solving.run(keep)
        except Refusal as error:
            name = solving.name if solving else next(iter(chosen))
            failed = NotUpdated(subject=name, reason=error.message)
            if failed not in self.drafts.failed:
                self.drafts.failed.append(failed)
            return {}
        return made

    def _concerned(self, chosen: Chosen) -> set[str]:
        concerned = {item.name for name in chosen for item in self.before.chain(name)}
        waiting = list(concerned)
        while waiting:
            # What was stale before has an owner who must see to it; it is no part of this change.
            below = [name for name in self.children.get(waiting.pop(), ()) if self.before.is_fresh(name)]
            waiting += [name for name in below if name not in concerned]
            concerned.update(below)
        return concerned

    def _draft(self, key: str, part: Chosen, made: Mapping[str, Lock]) -> Drafted:
        relocked = []
        for name, lock in made.items():
            environment = self.before.environment(name)
            sides = (Side(environment=environment, lock=item) for item in (self.before.lock(name), lock))
            relocked.append(Relocked(environment=name, changes=diff_sides(*sides)))
        mended = self._mended(part, made)
        slug = key.removeprefix("environment ").replace("security environment ", "security ")
        update = Update(
            branch=branch_name(self.request.prefix, slug),
            relocked=tuple(relocked),
            message=commit_message(key.removeprefix("security "), relocked, mended),
            advisories=tuple(sorted(mended)),
        )
        return Drafted(update=update, files={lock_path(name): dump_lock(lock) for name, lock in made.items()})

    def _mended(self, part: Chosen, made: Mapping[str, Lock]) -> dict[str, list[str]]:
        """Advisory to the packages that it no longer speaks of."""
        mended: dict[str, set[str]] = {}
        for name in part:
            if self.request.advisories is None or name not in made:
                continue
            left = self.request.advisories.of(made[name], self.before.suite(name))
            for package, ids in self.mended[name].items():
                for identity in set(ids) - set(left.get(package, ())):
                    mended.setdefault(identity, set()).add(package)
        return {identity: sorted(packages) for identity, packages in mended.items()}


def _children(content: Content) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for name in content.names:
        base = content.environment(name).base
        if isinstance(base, EnvironmentBase):
            children.setdefault(base.environment, []).append(name)
    return children


def _versions(lock: Lock | None) -> dict[str, tuple[str, ...]]:
    """What a lock holds, by the names that can be asked for; a base image by its reference."""
    found: dict[str, set[str]] = {}
    for platform in lock.platforms if lock else ():
        artefacts: tuple[Artefact, ...] = (*platform.debs, *platform.conda, *platform.wheels, *platform.files)
        for item in artefacts:
            found.setdefault(item.name, set()).add(item.version)
    if lock and isinstance(lock.base, LockedImage):
        found[lock.base.image] = {lock.base.digest}
    return {name: tuple(sorted(versions)) for name, versions in found.items()}


def _packages(lock: Lock | None) -> set[str]:
    return set(_versions(lock))
