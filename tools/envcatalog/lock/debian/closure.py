"""The packages that a set of names needs, for one architecture: the same answer for the same index, always.

Order decides nothing by chance: names are taken sorted, dependencies in the order of the fields, alternatives
from the left, providers by name. There is no search. When a package was chosen before a stricter relation to
it turns up, that relation is noted and the whole is begun anew, so every round knows more than the last.
"""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from envcatalog.lock.debian.packages import Package, PackageIndex, Relation
from envcatalog.lock.debian.policy import is_followed
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Deb

_ROUNDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked of one architecture's index.

    Attributes:
        names: packages asked for.
        present: what the parent environment has; taken as it is, and part of no answer.
        kept: versions to keep, by name, most wanted first, where the index still has them.
        complete: follow every dependency, those of what is present too, since maintainer scripts will run.
    """

    names: tuple[str, ...]
    present: tuple[Deb, ...] = ()
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    complete: bool = False


class _Again(Exception):
    """A choice must be made anew with what was learnt."""


def close(index: PackageIndex, wish: Wish) -> tuple[Package, ...]:
    """All packages that must be added, sorted by name.

    Raises:
        Refusal: an unknown name, a dependency that nothing satisfies, or a conflict.
    """
    learnt: dict[str, list[Relation]] = {}
    for _ in range(_ROUNDS):
        attempt = _Round(index, wish, learnt)
        try:
            return attempt.run()
        except _Again:
            continue
    raise Refusal(f"the dependencies of {_listed(wish.names)} contradict each other in {index.label}")


class _Round:
    def __init__(self, index: PackageIndex, wish: Wish, learnt: dict[str, list[Relation]]) -> None:
        self._index = index
        self._wish = wish
        self._learnt = learnt
        self._present = {deb.name: deb for deb in wish.present}
        self._chosen: dict[str, Package] = {}
        self._provided: dict[str, list[tuple[str, str]]] = {}
        self._queue: deque[Package] = deque()
        for deb in wish.present:
            package = self._like(deb)
            self._note_provides(deb.name, package.provides)
            if wish.complete:
                self._queue.append(package)

    def run(self) -> tuple[Package, ...]:
        for name in sorted(set(self._wish.names)):
            self._ask(name)
        while self._queue:
            package = self._queue.popleft()
            for group in package.depends:
                self._satisfy(package, group)
        self._check_conflicts()
        return tuple(self._chosen[name] for name in sorted(self._chosen))

    def _ask(self, name: str) -> None:
        if name in self._present or name in self._chosen:
            return
        candidate = self._candidate(Relation(name))
        if candidate is None:
            raise self._unknown(name)
        self._choose(candidate)

    def _choose(self, package: Package) -> None:
        self._chosen[package.deb.name] = package
        self._note_provides(package.deb.name, package.provides)
        self._queue.append(package)

    def _note_provides(self, name: str, provides: Iterable[tuple[str, str]]) -> None:
        for provided, version in provides:
            self._provided.setdefault(provided, []).append((name, version))

    def _satisfy(self, package: Package, group: tuple[Relation, ...]) -> None:
        if not group or not (self._wish.complete or _are_followed(package, group)):
            return
        if any(self._holds(relation) for relation in group):
            return
        for relation in group:
            found = self._candidate(relation)
            if found is not None and self._take(found, relation):
                return
            if found is None and (provider := self._provider(relation)) is not None:
                self._choose(provider)
                return
        raise self._unsatisfied(package, group)

    def _holds(self, relation: Relation) -> bool:
        version = self._version(relation.name)
        if version is not None and relation.allows(version):
            return True
        return any(_provides(relation, version) for _, version in self._provided.get(relation.name, ()))

    def _take(self, package: Package, relation: Relation) -> bool:
        """Choose it, or, where the name was already chosen in another version, learn and begin anew."""
        name = package.deb.name
        if name in self._present:
            return False
        if name in self._chosen:
            self._learnt.setdefault(name, []).append(relation)
            raise _Again
        self._choose(package)
        return True

    def _candidate(self, relation: Relation) -> Package | None:
        """The version to choose for a name: a kept one, else the highest, that satisfies all relations."""
        known = [relation, *self._learnt.get(relation.name, ())]
        fitting = [
            package
            for package in self._index.versions(relation.name)
            if all(each.allows(package.deb.version) for each in known)
        ]
        for version in self._wish.kept.get(relation.name, ()):
            for package in fitting:
                if package.deb.version == version:
                    return package
        return fitting[0] if fitting else None

    def _provider(self, relation: Relation) -> Package | None:
        for name in self._index.providers(relation.name):
            if name in self._present or name in self._chosen:
                continue
            package = self._candidate(Relation(name))
            if package is not None and any(
                provided == relation.name and _provides(relation, version)
                for provided, version in package.provides
            ):
                return package
        return None

    def _version(self, name: str) -> str | None:
        if name in self._present:
            return self._present[name].version
        return self._chosen[name].deb.version if name in self._chosen else None

    def _like(self, deb: Deb) -> Package:
        """What the index knows of a package that is present; of another version if its own is gone."""
        versions = self._index.versions(deb.name)
        same = [package for package in versions if package.deb.version == deb.version]
        return (same or list(versions) or [Package(deb=deb, depends=(), conflicts=(), provides=())])[0]

    def _check_conflicts(self) -> None:
        for package in [*self._chosen.values(), *(self._exact(deb) for deb in self._present.values())]:
            for relation in package.conflicts:
                other = self._hit(package.deb.name, relation)
                if other is not None:
                    raise Refusal(
                        f"the Debian packages `{package.deb.name}` {package.deb.version} and `{other}` "
                        f"{self._version(other)} conflict: the first excludes `{relation}`"
                    )

    def _exact(self, deb: Deb) -> Package:
        found = self._like(deb)
        if found.deb.version == deb.version:
            return found
        return Package(deb=deb, depends=(), conflicts=(), provides=())

    def _hit(self, name: str, relation: Relation) -> str | None:
        version = self._version(relation.name)
        if relation.name != name and version is not None and relation.allows(version):
            return relation.name
        for provider, provided in self._provided.get(relation.name, ()):
            if provider != name and _provides(relation, provided):
                return provider
        return None

    def _unknown(self, name: str) -> Refusal:
        providers = self._index.providers(name)
        if providers:
            hint = f"`{name}` is provided by {_listed(providers)}; name one of them"
        else:
            near = difflib.get_close_matches(name, sorted(_similar(name, self._index.names())), 1, 0.6)
            hint = f"did you mean `{near[0]}`?" if near else ""
        return Refusal(f"there is no Debian package `{name}` in {self._index.label}", hint)

    def _unsatisfied(self, package: Package, group: tuple[Relation, ...]) -> Refusal:
        wanted = " or ".join(f"`{relation}`" for relation in group)
        needs = f"the Debian package `{package.deb.name}` {package.deb.version} needs {wanted}"
        for relation in group:
            if relation.name in self._present:
                version = self._present[relation.name].version
                hint = "lock the parent environment with `--upgrade` first"
                return Refusal(f"{needs}, but the parent environment has {version}", hint)
            if relation.name in self._learnt:
                return Refusal(f"{needs}, but {_listed(self._learnt[relation.name])} is needed too")
        return Refusal(f"{needs}, which is not in {self._index.label}")


def _are_followed(package: Package, group: tuple[Relation, ...]) -> bool:
    return all(is_followed(package.deb.name, relation.name) for relation in group)


def _provides(relation: Relation, version: str) -> bool:
    """Policy 7.5: a versioned relation is only satisfied by a versioned Provides."""
    return not relation.relation or (bool(version) and relation.allows(version))


def _similar(name: str, names: Iterable[str]) -> list[str]:
    """Those worth a comparison: 64,000 full ones would take seconds."""
    near = [other for other in names if other[:2] == name[:2] and abs(len(other) - len(name)) <= 3]
    return near or [other for other in names if abs(len(other) - len(name)) <= 1 and other[-3:] == name[-3:]]


def _listed(names: Iterable[object]) -> str:
    shown = list(names)
    text = ", ".join(f"`{name}`" for name in shown[:5])
    return text + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
