"""What differs between two environments, once, as data: packages by name, then settings by path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from envcatalog.definition.canonical import definition_values
from envcatalog.model.change import Change, ChangeKind
from envcatalog.model.environment import Environment
from envcatalog.model.lock import Lock, LockedImage

PACKAGE_FIELDS = {("python", "packages"), ("apt",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison; `environment` is None where it does not exist."""

    environment: Environment | None
    lock: Lock | None


def diff_sides(before: Side, after: Side) -> tuple[Change, ...]:
    """Changes sorted by path; empty when nothing that is built differs."""
    changes = [*_settings(before, after), *_base_digest(before, after)]
    for kind in ("python.packages", "apt"):
        changes += _packages(kind, before, after)
    return tuple(sorted(changes, key=lambda change: (change.path, change.kind)))


def version_kind(before: str, after: str) -> ChangeKind:
    """Up or down, by PEP 440 or Debian order; ``changed`` where the order is unknown."""
    from packaging.version import InvalidVersion, Version

    try:
        old, new = Version(before), Version(after)
    except InvalidVersion:
        return "changed"
    return "upgraded" if new > old else "downgraded"


def _settings(before: Side, after: Side) -> list[Change]:
    old = _flat(definition_values(before.environment)) if before.environment else {}
    new = _flat(definition_values(after.environment)) if after.environment else {}
    changes = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path) or path[:2] in PACKAGE_FIELDS or path[:1] in PACKAGE_FIELDS:
            continue
        kind: ChangeKind = "changed"
        if path not in old:
            kind = "added"
        elif path not in new:
            kind = "removed"
        changes.append(Change(path=".".join(path), kind=kind, before=old.get(path), after=new.get(path)))
    return changes


def _flat(value: object, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    if isinstance(value, Mapping):
        flat: dict[tuple[str, ...], str] = {}
        for key, item in value.items():
            flat |= _flat(item, (*path, str(key)))
        return flat
    if isinstance(value, (list, tuple)):
        if not value:
            return {}
        if path in PACKAGE_FIELDS:
            return {(*path, str(item)): str(item) for item in value}
        return {path: " ".join(str(item) for item in value)}
    return {} if value is None or value == "" else {path: str(value)}


def _base_digest(before: Side, after: Side) -> list[Change]:
    old, new = (
        side.lock.base.digest if side.lock and isinstance(side.lock.base, LockedImage) else None
        for side in (before, after)
    )
    if old == new or not old or not new:
        return []
    return [Change(path="base.digest", kind="changed", before=old, after=new)]


def _packages(kind: str, before: Side, after: Side) -> list[Change]:
    old, new = _versions(kind, before.lock), _versions(kind, after.lock)
    direct = _asked(kind, before.environment) | _asked(kind, after.environment)
    changes = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if was is not None and now is not None:
            how = version_kind(was, now)
        else:
            how = "added" if was is None else "removed"
        changes.append(Change(path=f"{kind}.{name}", kind=how, before=was, after=now, direct=name in direct))
    return changes


def _versions(kind: str, lock: Lock | None) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for platform in lock.platforms if lock else ():
        for artefact in platform.wheels if kind == "python.packages" else platform.debs:
            found.setdefault(artefact.name, set()).add(artefact.version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _asked(kind: str, environment: Environment | None) -> set[str]:
    if environment is None:
        return set()
    if kind == "apt":
        return set(environment.apt)
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    packages = environment.python.packages if environment.python else ()
    return {canonicalize_name(Requirement(item).name) for item in packages}
