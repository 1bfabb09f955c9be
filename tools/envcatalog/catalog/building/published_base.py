"""The published image of a plan: what a Docker Engine built for it once is not built again to stand on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from envcatalog.model.digest import DIGEST
from envcatalog.model.plan import BaseManifest
from envcatalog.model.seams import Registry
from envcatalog.model.version import Version

FindPublished = Callable[[str, str, str], BaseManifest | None]


def find_published(
    registry: Registry, versions: Callable[[str], Sequence[Version]], name: str, plan: str, platform: str
) -> BaseManifest | None:
    """The manifest of one platform of the version that has this plan; None where the registry holds none.

    Raises:
        UserError: the registry cannot be reached.
    """
    version = next((item for item in versions(name) if item.plan == plan and item.image), None)
    index = registry.repository(name).manifest(version.image) if version else None
    if version is None or index is None:
        return None
    system, _, architecture = platform.partition("/")
    for entry in json.loads(index.data).get("manifests", ()):
        told = entry.get("platform") or {}
        if (told.get("os"), told.get("architecture")) == (system, architecture) and DIGEST.match(
            entry["digest"]
        ):
            reference = registry.reference(name, str(version.number))
            return BaseManifest(image=reference, digest=entry["digest"])
    return None
