"""Whether an image that was published can be made again, bit for bit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.catalog.verify.content import error_of
from envcatalog.git.source import Revision
from envcatalog.model.errors import UserError
from envcatalog.model.plan import ImagePlan
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
            yield error_of(
                version, "image-unrecorded", "Git records no image to compare with", "", "no image"
            )
            continue
        try:
            plan = Content(Revision(catalog.repository, version.commit)).plan_of(version.name, version.plan)
            if plan.builder == "docker" and catalog.builder != "docker":
                yield _not_promised(version)
                continue
            digest = _rebuild(catalog, version, plan)
        except UserError as error:
            yield error_of(version, "image-not-rebuilt", error.message, version.image, "nothing")
            continue
        if digest != version.image:
            message = "building it again gives another image"
            yield error_of(version, "image-not-reproduced", message, version.image, digest)


def _rebuild(catalog: Catalog, version: Version, plan: ImagePlan) -> str:
    from envcatalog.catalog.building.workshop import Workshop

    workshop = catalog.workshop
    workshop.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="verify-", dir=workshop.cache) as empty:
        if plan.builder == "embedded":
            from envcatalog.image.build import Builder

            workshop.keep_jars(Content(Revision(catalog.repository, version.commit)), version.name)
            builder = Builder(Path(empty), workshop.artefacts, catalog.progress)
            return builder.build(plan, known={}, bases=workshop.base).digest
        anew = Workshop(
            root=workshop.root,
            cache=Path(empty),
            settings=workshop.settings,
            progress=catalog.progress,
            options=replace(catalog.build_options, fresh=True),
        )
        with closing(anew):
            content = Content(Revision(catalog.repository, version.commit))
            return anew.build(content, plan, {}).digest


def _not_promised(version: Version) -> Discrepancy:
    return Discrepancy(
        reference=version.reference,
        code="image-not-promised",
        severity="warning",
        message="a Docker Engine built it, which is not reproducible by promise: it was not built again",
        expected=version.image,
        found="`--builder docker` builds it again all the same",
    )
