"""The published image of a reference, by its digest: what others can pull."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envcatalog.catalog.history.resolve import Resolved
from envcatalog.model.errors import UserError
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.opened import OpenCatalog


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedImage:
    """An image that can be pulled; `reference` is empty and `reason` says why where there is none."""

    reference: str = ""
    reason: str = ""
    version: int | None = None


def find_image(catalog: OpenCatalog, found: Resolved, registry: str | None) -> PublishedImage:
    """The image of the version; for any other moment, of the newest version with the same plan.

    Git's record is believed; `verify` is what compares it with the registry.

    Raises:
        UserError: the registry is written wrongly.
    """
    version = found.version or _same_plan(catalog, found)
    if version is None:
        return PublishedImage(reason="no version is what it is now")
    if not version.image:
        return PublishedImage(reason="its image is not built yet", version=version.number)
    if registry is None:
        return PublishedImage(reason="no registry is given", version=version.number)
    if registry.startswith("oci:"):
        return PublishedImage(reason=f"nothing can be pulled from `{registry}`", version=version.number)
    with closing(catalog.open_registry(registry)) as opened:
        repository = opened.reference(found.name, "latest").removesuffix(":latest")
    # The digest decides. The tag is for people, and for tools that look for the next version.
    reference = f"{repository}:{version.number}@{version.image}"
    return PublishedImage(reference=reference, version=version.number)


def _same_plan(catalog: OpenCatalog, found: Resolved) -> Version | None:
    try:
        plan = found.content.plan(found.name).digest
    except UserError:
        return None  # what cannot be planned was never published as it is
    known = catalog.versions(found.name, gone=True)
    return next((version for version in known if version.plan == plan and version.image), None)
