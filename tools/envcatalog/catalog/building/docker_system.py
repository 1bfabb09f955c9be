"""Environments whose packages we install, for the docker builder: layers are made here, the engine runs scripts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.image.docker.render import debs_of, layers_to_make, needed_by_scripts, render, runs_scripts
from envcatalog.model.docker import DockerBase, DockerBuild
from envcatalog.model.lock import Deb, LockedImage
from envcatalog.model.plan import ImagePlan, PlatformPlan

if TYPE_CHECKING:
    from envcatalog.catalog.building.workshop import Workshop


def system_build(workshop: Workshop, content: Content, plan: ImagePlan, platform: str) -> DockerBuild:
    """What an engine is to build for one platform; see `docker_building.docker_build`.

    Raises:
        Gone, Refusal: a locked file cannot be had, or is malformed.
    """
    chosen = next(item for item in plan.platforms if item.platform == platform)
    packages = _packages(workshop, chosen)
    first = {platform: _first(packages)} if packages else {}
    alone = replace(plan, platforms=(chosen,), builder="embedded")
    made = workshop.build(content, layers_to_make(alone, first), {})
    return render(
        plan,
        made.platforms[0],
        base=_base(workshop, chosen),
        first=first.get(platform, frozenset()),
        packages=packages,
    )


def _base(workshop: Workshop, platform: PlatformPlan) -> DockerBase | None:
    from envcatalog.catalog.building.docker_building import image_base

    if platform.base is None:
        return None
    manifests = ((platform.platform, platform.base.digest),)
    locked = LockedImage(image=platform.base.image, digest=platform.base.digest, manifests=manifests)
    return image_base(workshop, locked, platform.platform)


def _packages(workshop: Workshop, platform: PlatformPlan) -> dict[Deb, Path]:
    """The packages that dpkg installs; none where it is not locked."""
    if not runs_scripts(platform):
        return {}
    debs = debs_of(platform)
    workshop.artefacts.prefetch(debs)
    return {deb: workshop.artefacts.path(deb) for deb in debs}


def _first(packages: dict[Deb, Path]) -> frozenset[str]:
    from envcatalog.formats.archives.deb import DebArchive

    controls = {}
    for deb, path in packages.items():
        with DebArchive(path) as archive:
            controls[deb.name] = archive.control()
    return needed_by_scripts(controls)
