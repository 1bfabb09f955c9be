"""From a reference to the content it points at; a wrong one is told what there is and what comes nearest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.catalog.history.reference import LATEST, WORKTREE, Reference, parse_reference
from envcatalog.catalog.places import definition_path
from envcatalog.definition.reader import Reading
from envcatalog.git.refs import branches, resolve
from envcatalog.model.environment import Environment
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.ranges import show_ranges, to_ranges
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.opened import OpenCatalog

# Git's shortest abbreviation of an id; a shorter number is a version and nothing else.
_SHORT_ID = 7
_DAY = re.compile(r"([0-9]{4})[-/.]?([0-9]{1,2})[-/.]?([0-9]{1,2})\Z", re.ASCII)
_PARENT = re.compile(r"(?P<what>[\w][\w./-]*)(?P<steps>\^{1,9})\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """An environment at a moment.

    Attributes:
        commit: full id; None for the work tree.
        version: the version that the reference names, or whose commit it names; None for any other moment.
    """

    name: str
    content: Content
    commit: str | None = None
    version: Version | None = None

    @property
    def environment(self) -> Environment:
        """The definition; ProblemsFound where the file has problems."""
        return self.content.environment(self.name)


def resolve_reference(catalog: OpenCatalog, text: str) -> Resolved:
    """What a reference points at. The order of meanings is `catalog.history.reference`'s.

    Raises:
        UserError: it is malformed, names nothing, or the environment is not there at that moment.
    """
    reference = parse_reference(text)
    if reference.is_worktree:
        _require_here(catalog, reference.name)
        return Resolved(name=reference.name, content=catalog.content)
    return _Search(catalog, reference).found()


def one_moment(catalog: OpenCatalog, texts: Sequence[str]) -> tuple[Content, tuple[str, ...]]:
    """The content that a command works on, and the names in it: what is on disk, or what one commit holds.

    Args:
        texts: names, which mean what is on disk, and references.

    Raises:
        UserError: a name or reference names nothing, or they are of several moments.
    """
    found = [
        resolve_reference(catalog, text) if "@" in text else Resolved(name=text, content=catalog.content)
        for text in texts
    ]
    for text, other in zip(texts, found, strict=True):
        if other.content is not found[0].content:
            raise UserError(
                f"`{texts[0][:80]}` and `{text[:80]}` are of different commits, and this command works on one",
                "run it for each of them",
            )
        other.content.reading(other.name)
    return (found[0].content if found else catalog.content), tuple(dict.fromkeys(one.name for one in found))


def _require_here(catalog: OpenCatalog, name: str) -> None:
    try:
        catalog.content.reading(name)
    except Refusal:
        raise
    except UserError as error:
        have = catalog.known(name)
        if not have:
            raise
        listed = show_ranges(to_ranges(version.number for version in have))
        raise UserError(
            f"there is no environment `{name}` on disk any more",
            f"its versions are {listed}: write `{have[-1].reference}`, or run `envcat log {name}`",
        ) from error


class _Search:
    """One reference that is not the work tree's."""

    def __init__(self, catalog: OpenCatalog, reference: Reference) -> None:
        self._catalog = catalog
        self._reference = reference
        self._name = reference.name
        self._have: Sequence[Version] = catalog.known(reference.name)

    def found(self) -> Resolved:
        at, number = self._reference.at, self._reference.number
        if number is not None and (self._numbered(number) or len(at) < _SHORT_ID):
            return self._version(number)
        if at == LATEST:
            return self._latest()
        moment = self._reference.moment
        if moment is not None:
            return self._at_moment(moment)
        aliases = self._aliases()
        if at in aliases:
            return self._version(
                aliases[at], f"alias `{at}` names version {aliases[at]}, which does not exist"
            )
        return self._commit()

    def _latest(self) -> Resolved:
        if not self._have:
            self._require_known()
            raise UserError(f"`{self._name}` has no version", self._none_yet())
        return self._resolved(self._have[-1])

    def _version(self, number: int, otherwise: str = "") -> Resolved:
        found = self._numbered(number)
        if found is not None:
            return self._resolved(found)
        self._require_known()
        listed = show_ranges(to_ranges(version.number for version in self._have))
        hint = f"it has {listed}" if listed else self._none_yet()
        raise UserError(otherwise or f"`{self._name}` has no version {number}", hint)

    def _at_moment(self, moment: datetime) -> Resolved:
        before = [version for version in self._have if datetime.fromisoformat(version.date) <= moment]
        if before:
            return self._resolved(before[-1])
        self._require_known()
        hint = self._none_yet()
        if self._have:
            first = min(self._have, key=lambda version: datetime.fromisoformat(version.date))
            hint = f"its first, `{first.reference}`, is of {first.date}"
        raise UserError(f"`{self._name}` had no version on {self._reference.at}", hint)

    def _commit(self) -> Resolved:
        at = self._reference.at
        try:
            commit = resolve(self._catalog.repository, at)
        except UserError as error:
            self._require_known()
            if "more than one" in error.message:
                raise
            shown = at if len(at) <= 80 else at[:77] + "..."
            raise UserError(f"`{self._name}` has no `{shown}`", self._what_there_is(error.hint)) from error
        content = self._catalog.at(commit)
        if content.source.read(definition_path(self._name)) is None:
            near = difflib.get_close_matches(self._name, content.names, n=1)
            hint = f"did you mean `{near[0]}@{at}`" if near else f"run `envcat log {self._name}`"
            raise UserError(f"there is no environment `{self._name}` at `{at}`", hint)
        version = next((item for item in reversed(self._have) if item.commit == commit), None)
        return Resolved(name=self._name, content=content, commit=commit, version=version)

    def _resolved(self, version: Version) -> Resolved:
        content = self._catalog.at(version.commit)
        return Resolved(name=self._name, content=content, commit=version.commit, version=version)

    def _none_yet(self) -> str:
        if self._catalog.repository.is_shallow:
            return "run `git fetch --tags`: this clone is shallow"
        return "run `envcat publish` to make one"

    def _numbered(self, number: int) -> Version | None:
        return next((version for version in self._have if version.number == number), None)

    def _aliases(self) -> Mapping[str, int]:
        """Of the work tree's definition: a pull request moves an alias by editing it."""
        found = self._on_disk.environment if self._on_disk else None
        return dict(found.aliases) if found else {}

    @cached_property
    def _on_disk(self) -> Reading | None:
        content = self._catalog.content
        missing = content.source.read(definition_path(self._name)) is None
        return None if missing else content.reading(self._name)

    def _require_known(self) -> None:
        if not self._have:
            self._catalog.content.reading(self._name)

    def _what_there_is(self, reason: str) -> str:
        if self._on_disk and self._on_disk.environment is None and "/" not in self._reference.at:
            return f"`{definition_path(self._name)}` has problems, so its aliases are not known: run `envcat validate`"
        numbers = [str(version.number) for version in self._have]
        words = [*self._aliases(), *([LATEST] if numbers else []), WORKTREE]
        known = [self._spelled(branch, words) for branch in branches(self._catalog.repository)]
        near = near_moment(self._reference.at) or self._near([*words, *numbers, *known])
        if near:
            return f"did you mean `{self._name}@{near}`"
        some = f"are versions {show_ranges(to_ranges(map(int, numbers)))}" if numbers else "is no version yet"
        there = [f"there {some}", *(f"`{word}`" for word in words)]
        there += [f"branch `{branch}`" for branch in known[:5]]
        shallow = f"; {reason}" if "shallow" in reason else ""
        return f"{', '.join(there)}, and every commit, tag and date{shallow}"

    def _spelled(self, branch: str, words: Sequence[str]) -> str:
        """How a branch is written: one that is called like something else is hidden by it."""
        hidden = branch in words or Reference(name=self._name, at=branch).number is not None
        return f"refs/heads/{branch}" if hidden else branch

    def _near(self, there: Sequence[str]) -> str:
        at = self._reference.at[:80]
        elsewhere = branches(self._catalog.repository, remote=True)
        same = [branch for branch in elsewhere if branch.partition("/")[2] == at]
        lower: dict[str, str] = {}
        for text in (*there, *elsewhere):
            lower.setdefault(text.lower(), text)
        found = same or [
            lower[text]
            for text in difflib.get_close_matches(at.lower().removeprefix("refs/heads/"), lower, n=1)
        ]
        return found[0] if found else ""


def near_moment(at: str) -> str:
    """What was meant by ``2026-3-1``, ``20260301`` or ``HEAD^``; empty for anything else."""
    if parents := _PARENT.match(at):
        return f"{parents['what']}~{len(parents['steps'])}"
    match = _DAY.match(at)
    if match is None:
        return ""
    try:
        return date(*map(int, match.groups())).isoformat()
    except ValueError:
        return ""
