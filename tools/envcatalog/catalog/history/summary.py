"""What a commit changed, in a line: ``pandas 2.2.2 -> 2.2.3, +joblib 1.5.3, -six, prod 2 -> 3``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from envcatalog.catalog.history.differ import Side
from envcatalog.definition.canonical import definition_values
from envcatalog.lock.file import lock_digest
from envcatalog.model.change import Change
from envcatalog.model.environment import Environment
from envcatalog.model.lock import Lock

_MOST = 4
_LONGEST = 40
_PACKAGES = ("python.packages.", "apt.", "conda.packages.", "r.packages.")


def one_line(before: Side, after: Side, changes: Sequence[Change]) -> str:
    """The first few changes, then metadata; ``no change`` where only layout changed."""
    if before.environment is None and after.environment is not None:
        return "added" if before.lock is None else "definition can be read again"
    if after.environment is None:
        return "removed" if after.lock is None else "definition has problems"
    # What moved says more than what is asked for differently and still fits; what was asked for, more than the rest.
    ordered = sorted(
        changes, key=lambda change: (_is_package(change) and change.kind == "changed", not change.direct)
    )
    parts = [_part(change) for change in ordered]
    if before.environment is not None:
        parts += _metadata(before.environment, after.environment)
    if before.lock is None and after.lock is not None:
        parts = ["locked"]
    if not parts:
        return _lock(before.lock, after.lock)
    more = len(parts) - _MOST
    return ", ".join(parts[:_MOST]) + (f" and {more} more" if more > 0 else "")


def _lock(before: Lock | None, after: Lock | None) -> str:
    if before == after:
        return "no change"
    if before is not None and after is not None and lock_digest(before) == lock_digest(after):
        return "what is known of locked files"
    return "lock"


def _is_package(change: Change) -> bool:
    return change.path.startswith(_PACKAGES)


def _part(change: Change) -> str:
    path = change.path
    for prefix in _PACKAGES:
        if path.startswith(prefix):
            path = path.removeprefix(prefix)
            break
    else:
        if change.kind in ("added", "removed"):
            return f"{'+' if change.kind == 'added' else '-'}{path}"
        values = f"{change.before} -> {change.after}"
        return f"{path} {values}" if len(values) <= _LONGEST else path
    if change.kind == "removed":
        return f"-{path}"
    if change.kind == "added":
        return f"+{path}" if change.after == path else f"+{path} {change.after}"
    if change.before == change.after:
        return f"{path} licence {change.license_note}"
    return f"{path} {_without(path, change.before)} -> {_without(path, change.after)}"


def _without(name: str, text: str | None) -> str:
    """A requirement without its name, a version as it is."""
    return (text or "").removeprefix(name) or "any"


def _metadata(before: Environment, after: Environment) -> Iterator[str]:
    old, new = dict(before.aliases), dict(after.aliases)
    for alias in sorted(old.keys() | new.keys()):
        if old.get(alias) != new.get(alias):
            yield f"{alias} {old.get(alias, 'none')} -> {new.get(alias, 'none')}"
    built = definition_values(before).keys() | definition_values(after).keys()
    for field in fields(Environment):
        if field.name == "aliases" or field.name in built:
            continue
        if getattr(before, field.name) != getattr(after, field.name):
            yield field.name
