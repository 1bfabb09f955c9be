"""Which locked packages an advisory speaks of. Advisories are files in the OSV format; nothing is fetched.

Source: https://ossf.github.io/osv-schema/ ("affected[].ranges[].events" for how a range is evaluated). Debian's
advisories name source packages: a locked file's source is the folder of the pool that it is in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envcatalog.catalog.history.differ import Order, deb_version_kind, version_kind
from envcatalog.model.errors import UserError
from envcatalog.model.lock import Deb, Lock

_DEBIAN = {"bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14"}
_LIMIT = 64 * 1024 * 1024  # bytes of one file
_ON_PYTHON = re.compile(r"python(?=[\s=<>!~\[]|\Z)")
_REBUILT = re.compile(r"\+b\d+\Z")  # a binary-only rebuild of the same source version


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """What one advisory says of one package.

    Attributes:
        ecosystem: ``PyPI``, or ``Debian`` with the release's number where it speaks of one.
        ranges: each a tuple of (event, version), as written.
        versions: affected ones by name.
    """

    id: str
    ecosystem: str
    package: str
    ranges: tuple[tuple[tuple[str, str], ...], ...]
    versions: frozenset[str]


class Advisories:
    """Advisories by package."""

    def __init__(self, found: Sequence[Advisory]) -> None:
        self._python: dict[str, list[Advisory]] = {}
        self._debian: dict[str, list[Advisory]] = {}
        for item in found:
            if item.ecosystem == "PyPI":
                self._python.setdefault(_normal(item.package), []).append(item)
            elif item.ecosystem.partition(":")[0] == "Debian":
                self._debian.setdefault(item.package, []).append(item)

    def of(self, lock: Lock, suite: str | None) -> dict[str, tuple[str, ...]]:
        """Locked packages that are affected, by their own name, each with the ids of the advisories.

        Args:
            suite: of the Debian base, None on an image; advisories for another release are left out.
        """
        found: dict[str, set[str]] = {}
        for platform in lock.platforms:
            for project in platform.projects:
                ids = _ids(self._python.get(project.name, ()), project.version, version_kind)
                found.setdefault(project.name, set()).update(ids)
            for package in platform.conda:
                # conda has no advisories of its own: a package of Python modules is usually called like its project
                if any(_ON_PYTHON.match(text) for text in package.depends):
                    known = self._python.get(_normal(package.name), ())
                    ids = _ids(known, package.version, version_kind)
                    found.setdefault(package.name, set()).update(ids)
            for deb in platform.debs:
                known = [item for item in self._debian.get(source_of(deb), ()) if _speaks_of(item, suite)]
                ids = _ids(known, _REBUILT.sub("", deb.version), deb_version_kind)
                found.setdefault(deb.name, set()).update(ids)
        return {name: tuple(sorted(ids)) for name, ids in sorted(found.items()) if ids}


def source_of(deb: Deb) -> str:
    """Name of the source package. Source: Debian's pool is ``pool/COMPONENT/PREFIX/SOURCE/FILE``."""
    parts = deb.path.split("/")
    return parts[-2] if len(parts) >= 3 else deb.name


def read_advisories(path: Path) -> Advisories:
    """Advisories from a JSON file (one, a list, or ``{"vulns": [...]}``) or from all ``*.json`` below a folder.

    Withdrawn ones are left out.

    Raises:
        UserError: there is no such file, or one is not in the OSV format.
    """
    if not path.exists():
        raise UserError(f"there is no file or folder `{path}`", "give OSV advisories as JSON")
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise UserError(f"`{path}` holds no `*.json`", "give OSV advisories as JSON")
    return Advisories([item for file in files for item in _read(file)])


def _read(file: Path) -> Iterator[Advisory]:
    try:
        if file.stat().st_size > _LIMIT:
            raise UserError(
                f"`{file}` is larger than 64 MiB", "give a folder with one file for each advisory"
            )
        value = json.loads(file.read_bytes())
        if isinstance(value, dict) and "vulns" in value:
            value = value["vulns"]
        for document in value if isinstance(value, list) else [value]:
            yield from _advisories(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"`{file}` is not in the OSV format", "look at ossf.github.io/osv-schema") from error


def _advisories(document: Mapping[str, Any]) -> Iterator[Advisory]:
    identity = str(document["id"])
    if document.get("withdrawn"):
        return
    for item in document.get("affected") or ():
        package = item.get("package")
        if package is None:
            continue
        yield Advisory(
            id=identity,
            ecosystem=str(package["ecosystem"]),
            package=str(package["name"]),
            ranges=tuple(
                tuple((str(key), str(version)) for event in span["events"] for key, version in event.items())
                for span in item.get("ranges") or ()
                if span.get("type") != "GIT"
            ),
            versions=frozenset(map(str, item.get("versions") or ())),
        )


def _ids(known: Sequence[Advisory], version: str, order: Order) -> set[str]:
    return {item.id for item in known if _affects(item, version, order)}


def _affects(item: Advisory, version: str, order: Order) -> bool:
    return version in item.versions or any(_within(events, version, order) for events in item.ranges)


def _within(events: Sequence[tuple[str, str]], version: str, order: Order) -> bool:
    """Whether the last event at or below the version opens the range and none closes it."""

    def above(other: str) -> bool:
        return other != "0" and version != other and order(version, other) == "upgraded"

    started = any(key == "introduced" and not above(at) for key, at in events)
    if not started:
        return False
    opened = [at for key, at in events if key == "introduced" and not above(at)]
    for key, at in events:
        closes = (key == "fixed" and not above(at)) or (
            key == "last_affected" and at != version and order(at, version) == "upgraded"
        )
        reopened = any(start != "0" and (start == at or order(at, start) == "upgraded") for start in opened)
        if closes and not reopened:
            return False
    return True


def _speaks_of(item: Advisory, suite: str | None) -> bool:
    release = item.ecosystem.partition(":")[2]
    return not release or release == _DEBIAN.get(suite or "")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
