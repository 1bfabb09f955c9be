"""Whether an image that was published can be made again, bit for bit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.git.source import Revision
from envcatalog.model.errors import UserError
from envcatalog.model.result import Discrepancy
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def check_rebuild(catalog: Catalog, versions: Sequence[Version]) -> Iterator[Discrepancy]:
    """Build each version from its commit and its locked files alone, and compare the image digests.

    Files are taken from the cache where they are there, since they are verified; layers never are.
    """
    for version in versions:
        catalog.progress.step(f"building {version.reference} anew")
        if not version.image:
            yield _finding(
                version, "image-unrecorded", "Git records no image to compare with", "", "no image"
            )
            continue
        try:
            digest = _rebuild(catalog, version)
        except UserError as error:
            yield _finding(version, "image-not-rebuilt", error.message, version.image, "nothing")
            continue
        if digest != version.image:
            message = "building it again gives another image"
            yield _finding(version, "image-not-reproduced", message, version.image, digest)


def _rebuild(catalog: Catalog, version: Version) -> str:
    from envcatalog.image.build import Builder

    content = Content(Revision(catalog.repository, version.commit))
    plan = content.plan(version.name)
    workshop = catalog.workshop
    workshop.keep_jars(content, version.name)
    workshop.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="verify-", dir=workshop.cache) as empty:
        builder = Builder(Path(empty), workshop.artefacts, catalog.progress)
        return builder.build(plan, known={}, bases=workshop.base).digest


def _finding(version: Version, code: str, message: str, expected: str, found: str) -> Discrepancy:
    return Discrepancy(
        reference=version.reference,
        code=code,
        severity="error",
        message=message,
        expected=expected,
        found=found,
    )
