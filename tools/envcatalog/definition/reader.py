"""Text of a file to the values it means, with every problem of the file at once.

Nothing is fetched or executed: the bytes go in, and values come out. An `Environment` or `Settings` exists
only where there is no error, so that the other rooms can trust every field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from envcatalog.definition.convert import environment_from_value, settings_from_value
from envcatalog.definition.finding import Finding
from envcatalog.definition.rules.fields import environment_findings, settings_findings
from envcatalog.definition.schema import SchemaName, quick_check
from envcatalog.definition.source import Source, read_source
from envcatalog.definition.text.compose import MAX_PROBLEMS, Composition, compose
from envcatalog.definition.text.places import Place, find_place
from envcatalog.model.environment import Environment
from envcatalog.model.problem import Problem, Severity
from envcatalog.model.settings import Settings


class Located:
    """The text of a read file, for problems that later rules find in it."""

    __slots__ = ("_root", "_source")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._root: Place | None = None

    def problem(
        self,
        code: str,
        message: str,
        path: Iterable[str | int] = (),
        hint: str = "",
        severity: Severity = "error",
        *,
        at_key: bool = False,
    ) -> Problem:
        """A problem at the value of `path` (or its key), or at the nearest value around it that exists."""
        if self._root is None:
            self._root = compose(self._source).root
        finding = Finding(code, message, tuple(path), hint, at_key, severity)
        return _problem(self._source, self._root, finding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What `environment.yaml` says.

    Attributes:
        environment: None where there is an error.
        problems: in the order of the file.
    """

    environment: Environment | None
    problems: tuple[Problem, ...]
    located: Located

    def problem(
        self,
        code: str,
        message: str,
        path: Iterable[str | int] = (),
        hint: str = "",
        severity: Severity = "error",
    ) -> Problem:
        """A problem of a later rule, at the value of `path`: ``("python", "packages", 0)``."""
        return self.located.problem(code, message, path, hint, severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsReading:
    """What `catalog.yaml` says; `settings` is None where there is an error."""

    settings: Settings | None
    problems: tuple[Problem, ...]
    located: Located


def read_environment(data: bytes, origin: str, *, folder: str) -> Reading:
    """Read a definition.

    Args:
        data: the file's bytes.
        origin: the file's path from the catalog's root, with ``/``; only for messages.
        folder: the name of the folder that holds the file.
    """
    source, value, problems = _read(
        data, origin, "environment", lambda found: environment_findings(found, folder)
    )
    failed = any(problem.severity == "error" for problem in problems)
    environment = None if failed else environment_from_value(value)
    return Reading(environment=environment, problems=problems, located=Located(source))


def read_settings(data: bytes, origin: str) -> SettingsReading:
    """Read the catalog's settings; an empty file means the defaults. Arguments as for `read_environment`."""
    source, value, problems = _read(data, origin, "catalog", settings_findings, empty={})
    failed = any(problem.severity == "error" for problem in problems)
    settings = None if failed else settings_from_value(value)
    return SettingsReading(settings=settings, problems=problems, located=Located(source))


def plain_settings(data: bytes, origin: str) -> dict[str, Any] | None:
    """What `catalog.yaml` says, as it is written, for comparisons; None where it has an error."""
    _, value, problems = _read(data, origin, "catalog", settings_findings, empty={})
    return None if any(problem.severity == "error" for problem in problems) else value


def _read(
    data: bytes,
    origin: str,
    schema: SchemaName,
    rules: Callable[[dict[str, Any]], Iterator[Finding]],
    empty: Any = None,
) -> tuple[Source, Any, tuple[Problem, ...]]:
    source, problems = read_source(data, origin)
    if problems and not source.text:
        return source, None, problems
    composed = compose(source)
    value = composed.value
    problems = (*problems, *composed.problems)
    if composed.is_empty:
        if empty is None:
            return source, None, (*problems, source.problem("file-empty", "the file is empty"))
        value = empty
    if composed.broken:
        return source, None, _in_order(problems)
    valid = quick_check(schema)(value)
    found: Iterator[Finding] = rules(value) if isinstance(value, dict) else iter(())
    if not valid:
        from envcatalog.definition.messages import schema_findings

        found = chain(schema_findings(schema, value), found)
    return source, value, _in_order(_with_findings(source, composed, problems, found))


def _with_findings(
    source: Source, composed: Composition, problems: tuple[Problem, ...], found: Iterator[Finding]
) -> tuple[Problem, ...]:
    # One place, one problem: what a wrong value breaks further on would only hide the reason.
    taken = {(problem.line, problem.column) for problem in problems}
    unseen = {problem.line for problem in problems if problem.code.startswith("text-")}
    added = []
    for finding in islice(found, 10 * MAX_PROBLEMS):
        problem = _problem(source, composed.root, finding)
        place = (problem.line, problem.column)
        if problem.line in unseen or (place in taken and finding.code != "schema-missing-key"):
            continue
        taken.add(place)
        added.append(problem)
        if len(problems) + len(added) > MAX_PROBLEMS:
            break
    return (*problems, *added)


def _in_order(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    ordered = sorted(
        problems, key=lambda problem: (problem.line, problem.column, problem.code, problem.message)
    )
    if len(ordered) <= MAX_PROBLEMS:
        return tuple(ordered)
    last = ordered[MAX_PROBLEMS - 1]
    more = Problem(
        code="too-many-problems",
        message=f"the file has more than {MAX_PROBLEMS} problems; the rest is not shown",
        file=last.file,
        line=last.line,
        column=last.column,
        source=last.source,
    )
    return (*ordered[:MAX_PROBLEMS], more)


def _problem(source: Source, root: Place | None, finding: Finding) -> Problem:
    line, column, length = find_place(root, finding.path, finding.at_key)
    return source.problem(
        finding.code,
        finding.message,
        line,
        column,
        length=length,
        hint=finding.hint,
        severity=finding.severity,
    )
