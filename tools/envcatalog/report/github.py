"""GitHub's workflow commands: a problem becomes an annotation on the line of the pull request.

Source of the escaping rules: actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from collections.abc import Sequence

from envcatalog.model.plan import Action
from envcatalog.model.problem import Problem
from envcatalog.report.safe import visible


def problems_github(problems: Sequence[Problem]) -> str:
    """One ``::error`` or ``::warning`` command for each problem."""
    return "".join(_problem(problem) for problem in problems)


def plan_github(actions: Sequence[Action]) -> str:
    """A notice for each action that changes something, an error for each refusal."""
    return "".join(_action(action) for action in actions if action.action != "skip")


def command(name: str, properties: dict[str, str], message: str) -> str:
    """One command on one line; neither a property nor the message can end it and begin another."""
    pairs = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {pairs}::{_data(message)}\n"


def _problem(problem: Problem) -> str:
    message = visible(problem.message)
    if problem.hint:
        message += f"\nhint: {visible(problem.hint)}"
    where = {
        "file": visible(problem.file),
        "line": str(problem.line),
        "col": str(problem.column),
        "endColumn": str(problem.column + max(problem.length, 1)),
        "title": visible(problem.code),
    }
    return command(problem.severity, where, message)


def _action(action: Action) -> str:
    name = "error" if action.action == "refuse" else "notice"
    version = f" version {action.version}" if action.version is not None else ""
    message = f"{action.action}{version}: {visible(action.reason)}"
    if action.hint:
        message += f"\nhint: {visible(action.hint)}"
    return command(name, {"title": visible(action.environment)}, message)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
