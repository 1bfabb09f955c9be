"""Rules of aliases, `deprecated` and `archived` that hold between the files of a catalog.

The order of promotion is judged by what one commit says, so that a shallow clone and a pull request get the same
answer as the whole history: in the order of the settings, an alias needs the alias before it, and its version may
not be newer than that one's. So what arrives at the last alias has stood, or could have stood, at all before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from envcatalog.definition.finding import nearest
from envcatalog.definition.reader import Reading
from envcatalog.definition.rules.deprecation import replacement_parts
from envcatalog.model.environment import Environment, EnvironmentBase
from envcatalog.model.problem import Problem
from envcatalog.model.ranges import show_ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """An alias that has left the one before it behind; `have` is that one's version, None where it is not set."""

    alias: str
    number: int
    before: str
    have: int | None

    @property
    def message(self) -> str:
        """What is wrong."""
        has = "is not set" if self.have is None else f"is version {self.have}"
        return f"`{self.alias}` is version {self.number}, and `{self.before}`, which comes before it, {has}"


def jumps(aliases: Mapping[str, int], order: Sequence[str]) -> tuple[Jump, ...]:
    """The aliases that break the order of promotion, in that order."""
    found = []
    for before, alias in itertools.pairwise(order):
        number, have = aliases.get(alias), aliases.get(before)
        if number is not None and (have is None or have < number):
            found.append(Jump(alias=alias, number=number, before=before, have=have))
    return tuple(found)


def lifecycle_problems(
    reading: Reading,
    environment: Environment,
    environments: Mapping[str, Environment],
    names: Sequence[str] | Mapping[str, object],
    *,
    order: Sequence[str],
    today: str,
) -> Iterator[Problem]:
    """All of one file.

    Args:
        environments: those of the catalog that can be read.
        names: of all environments, those included that cannot be read.
        order: the aliases of the settings.
        today: ``YYYY-MM-DD``; empty to pass over what depends on the day.
    """
    for jump in jumps(dict(environment.aliases), order):
        hint = f"run `envcat promote {environment.name}@{jump.number} {jump.before}`"
        yield reading.problem("alias-order", jump.message, ("aliases", jump.alias), hint)
    if environment.deprecated is not None:
        yield from _replacement(reading, environment, environments, names)
        yield from _dates_and_aliases(reading, environment, today)
    if isinstance(environment.base, EnvironmentBase) and not environment.archived:
        base = environments.get(environment.base.environment)
        if base is not None and base.archived:
            message = f"the base `{base.name}` is archived"
            hint = "choose another base; `publish` refuses to build on this one"
            yield reading.problem("base-archived", message, ("base", "environment"), hint, "warning")


def _replacement(
    reading: Reading,
    environment: Environment,
    environments: Mapping[str, Environment],
    names: Sequence[str] | Mapping[str, object],
) -> Iterator[Problem]:
    deprecated = environment.deprecated
    if deprecated is None or deprecated.replacement is None:
        return
    name, number = replacement_parts(deprecated.replacement)
    path = ("deprecated", "replacement")
    if name == environment.name:
        return
    if name not in names:
        near = nearest(name, names)
        hint = f"did you mean `{near}`?" if near else "`envcat list` shows the environments there are"
        message = f"there is no environment `{name}` in this catalog"
        yield reading.problem("deprecated-replacement", message, path, hint)
        return
    found = environments.get(name)
    if found is None:
        return
    wrong = "archived" if found.archived else ""
    if found.deprecated is not None and found.deprecated.covers(number):
        wrong = "deprecated"
    if wrong:
        message = f"the replacement `{deprecated.replacement}` is {wrong} itself"
        yield reading.problem("deprecated-replacement", message, path, "name another one", "warning")


def _dates_and_aliases(reading: Reading, environment: Environment, today: str) -> Iterator[Problem]:
    deprecated = environment.deprecated
    if deprecated is None or environment.archived:
        return
    if today and deprecated.until is not None and deprecated.until < today:
        message = f"the versions were deprecated until {deprecated.until}, which has passed"
        hint = "give a later day in `until`"
        if not deprecated.versions:
            hint = f"run `envcat archive {environment.name}`, or give a later day in `until`"
        yield reading.problem("deprecated-until", message, ("deprecated", "until"), hint, "warning")
    if not deprecated.versions:
        return
    for alias, number in environment.aliases:
        if deprecated.covers(number):
            message = f"`{alias}` is version {number}, and `{show_ranges(deprecated.versions)}` is deprecated"
            hint = f"promote another version to `{alias}`"
            yield reading.problem("alias-deprecated", message, ("aliases", alias), hint, "warning")
