"""What differs between two environments, once, as data: packages by name, then settings by path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from envcatalog.catalog.history.dockerfile import dockerfile_values
from envcatalog.catalog.history.licenses import Licenses
from envcatalog.catalog.history.side import Side as Side
from envcatalog.catalog.history.side import artefacts_of
from envcatalog.definition.canonical import definition_values
from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.lock.debian.policy import r_package
from envcatalog.model.change import Change, ChangeKind
from envcatalog.model.environment import Environment, Spark
from envcatalog.model.lock import LockedImage

Order = Callable[[str, str], ChangeKind]
PACKAGE_FIELDS = {
    ("python", "packages"),
    ("apt",),
    ("conda", "packages"),
    ("r", "packages"),
    ("spark", "packages"),
    ("spark", "jars"),
}
PACKAGE_KINDS = ("python.packages", "apt", "conda.packages", "spark.jars")


def diff_sides(before: Side, after: Side) -> tuple[Change, ...]:
    """Changes sorted by path; empty when nothing that is built differs."""
    changes = [*_settings(before, after), *_base_digest(before, after), *_dockerfile(before, after)]
    for kind in PACKAGE_KINDS:
        changes += _packages(kind, before, after)
    return tuple(sorted(changes, key=lambda change: (change.path, change.kind)))


def version_kind(before: str, after: str) -> ChangeKind:
    """Up or down, by PEP 440; ``changed`` where the order is unknown, or there is none: ``1.0`` is ``1.0.0``."""
    from packaging.version import InvalidVersion, Version

    try:
        old, new = Version(before), Version(after)
    except InvalidVersion:
        return "changed"
    return "changed" if new == old else "upgraded" if new > old else "downgraded"


def deb_version_kind(before: str, after: str) -> ChangeKind:
    """The same by Debian's order; ``changed`` for lists of versions, one for each platform."""
    from envcatalog.lock.debian.version import version_key

    if ", " in before + after or version_key(before) == version_key(after):
        return "changed"
    return "upgraded" if version_key(after) > version_key(before) else "downgraded"


def conda_version_kind(before: str, after: str) -> ChangeKind:
    """The same by conda's order."""
    from envcatalog.lock.conda.version import is_newer

    newer = None if ", " in before + after else is_newer(before, after)
    return "changed" if newer is None else "upgraded" if newer else "downgraded"


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


def _dockerfile(before: Side, after: Side) -> Iterator[Change]:
    """The Dockerfile's own bytes, its context, and the images that it names."""
    old, new = (dockerfile_values(side.lock, side.files) for side in (before, after))
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            kind: ChangeKind = "added" if path not in old else "removed" if path not in new else "changed"
            yield Change(path=f"dockerfile.{path}", kind=kind, before=old.get(path), after=new.get(path))


def _packages(kind: str, before: Side, after: Side) -> list[Change]:
    old, new = _versions(kind, before), _versions(kind, after)
    old_source, new_source = _sources(kind, before), _sources(kind, after)
    old_asked, new_asked = _asked(kind, before.environment), _asked(kind, after.environment)
    order = _ORDERS[kind]
    old_builds, new_builds = _builds(before), _builds(after)
    licenses = Licenses(kind, before, after)
    changes = []
    for name in sorted(old.keys() | new.keys() | old_asked.keys() | new_asked.keys()):
        was, now, how_both = old.get(name), new.get(name), order
        if was == now and kind == "conda.packages":
            was, now, how_both = old_builds.get(name), new_builds.get(name), _changed
        if was == now:
            # What is asked for may have changed and the locks not: not locked yet, or the same version still fits.
            was, now, how_both = old_asked.get(name), new_asked.get(name), _changed
        license_ = licenses.of(name)
        if was == now and license_ is not None and license_.differs:
            was, now, how_both = old.get(name), new.get(name), _changed
        elif was == now:
            continue
        how: ChangeKind = "added" if was is None else "removed"
        if was is not None and now is not None:
            how = how_both(was, now)
        direct = name in old_asked or name in new_asked
        source = new_source.get(name, old_source.get(name, ""))
        changes.append(
            Change(
                path=f"{kind}.{name}",
                kind=how,
                before=was,
                after=now,
                direct=direct,
                inherited_from=source,
                license=license_,
            )
        )
    return changes


def _changed(_before: str, _after: str) -> ChangeKind:
    return "changed"


def _versions(kind: str, side: Side) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for _, lock in side.locks:
        for platform in lock.platforms if lock else ():
            for artefact in artefacts_of(kind, platform):
                # A jar of the folder has no version; what it is, its bytes say.
                found.setdefault(artefact.name, set()).add(artefact.version or artefact.sha256[:12])
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _builds(side: Side) -> dict[str, str]:
    """Conda package name to version and build: the same version may be built anew."""
    found: dict[str, set[str]] = {}
    for _, lock in side.locks:
        for platform in lock.platforms if lock else ():
            for package in platform.conda:
                found.setdefault(package.name, set()).add(f"{package.version} {package.build}")
    return {name: ", ".join(sorted(builds)) for name, builds in found.items()}


def _sources(kind: str, side: Side) -> dict[str, str]:
    """Package name to the environment whose lock holds it; empty for the side's own."""
    found: dict[str, str] = {}
    for source, lock in side.locks:
        for platform in lock.platforms if lock else ():
            for artefact in artefacts_of(kind, platform):
                found[artefact.name] = source
    return found


def _asked(kind: str, environment: Environment | None) -> dict[str, str]:
    """Package name to what the definition asks of it."""
    if environment is None:
        return {}
    if kind == "apt":
        from_r = {r_package(name): name for name in environment.r.packages} if environment.r else {}
        return from_r | {name: name for name in environment.apt}
    if kind == "spark.jars":
        spark = environment.spark or Spark(version="")
        named = (text.rpartition(":") for text in spark.packages)
        return {name: version for name, _, version in named} | {path: path for path in spark.jars}
    if kind == "conda.packages":
        specs = environment.conda.packages if environment.conda else ()
        return {spec.name: text for text in specs if isinstance(spec := read_spec(text), MatchSpec)}
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    asked: dict[str, list[str]] = {}
    for text in environment.python.packages if environment.python else ():
        asked.setdefault(canonicalize_name(Requirement(text).name), []).append(text)
    return {name: ", ".join(sorted(texts)) for name, texts in asked.items()}


_ORDERS: dict[str, Order] = {
    "python.packages": version_kind,
    "apt": deb_version_kind,
    "conda.packages": conda_version_kind,
    "spark.jars": version_kind,
}
