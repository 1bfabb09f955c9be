"""What a lock's bytes hold of what is searched for. Locks are parsed, not checked, since there may be thousands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from envcatalog.catalog.history.wanted import Wanted, WantedLicense
from envcatalog.model.history import PackageKind
from envcatalog.model.known import license_text

Holding = tuple[PackageKind, str, str, str, str]  # kind, name, version, platform, licence
_KEYS: dict[PackageKind, str] = {"python": "wheels", "deb": "debs", "conda": "conda"}


def names_of(wanted: Wanted | WantedLicense) -> frozenset[str]:
    """The names of which a lock must hold one; none where any lock may hold what is wanted."""
    return frozenset(wanted.names.values()) if isinstance(wanted, Wanted) else frozenset()


def holdings(data: bytes, wanted: Wanted) -> Iterator[Holding]:
    """Packages of a name, in a wanted version. Raises whatever a lock of a wrong shape brings."""
    value: Any = json.loads(data)
    for platform, block in value["platforms"].items():
        for kind, name in wanted.names.items():
            for item in _items(block, kind):
                if item["name"] == name and wanted.accepts(kind, _text(item["version"])):
                    yield kind, name, item["version"], platform, ""


def licensed(data: bytes, wanted: WantedLicense, unknown: set[str]) -> Iterator[Holding]:
    """Packages under a licence. The names of those of which none is known are added to `unknown`, jars included."""
    value: Any = json.loads(data)
    known = value.get("known", {})
    for platform, block in value["platforms"].items():
        for kind in wanted.kinds:
            for item in _items(block, kind):
                name, version = _text(item["name"]), _text(item["version"])
                text = license_text(item.get("license") or known.get(item["sha256"], {}).get("license", ""))
                if not text:
                    unknown.add(name)
                elif wanted.accepts(text):
                    yield kind, name, version, platform, text
        if "python" in wanted.kinds:
            unknown.update(
                item["name"] for item in block.get("files", ()) if not item["source"].startswith("index:")
            )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _items(block: dict[str, Any], kind: PackageKind) -> list[Any]:
    items = list(block.get(_KEYS[kind], ()))
    if kind == "python":  # a source archive that is unpacked is a project as well
        items += [item for item in block.get("files", ()) if item["source"].startswith("index:")]
    return items
