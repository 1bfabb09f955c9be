"""`build`: images without a version, from the work tree."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from envcatalog.catalog.building.workshop import known_layers
from envcatalog.catalog.lifecycle import refuse_archived, warn_of_actions
from envcatalog.catalog.publishing.checking import check_image
from envcatalog.model.image import BuiltImage, Layer
from envcatalog.model.plan import Action
from envcatalog.model.seams import Repository

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def build_names(
    catalog: Catalog,
    names: Sequence[str],
    *,
    registry: str | None,
    checks: str | None,
    archived: bool = False,
) -> tuple[BuiltImage, ...]:
    """Build, check where `checks` says how, and store by digest where a registry is given; no tag, no version.

    Raises:
        Stale, ProblemsFound: a definition cannot be built.
        Refusal: a check failed, a file of the lock is gone, or an environment is archived and `archived` False.
    """
    versions = catalog.versions_of(names)
    for name in names if not archived else ():
        refuse_archived(catalog.content, name)
    asked = [Action(environment=name, action="build", reason="") for name in names]
    warn_of_actions(catalog.content, asked, versions, catalog.progress)
    images = []
    with ExitStack() as stack:
        opened = stack.enter_context(closing(catalog.open_registry(registry))) if registry else None
        for name in catalog.content.order(names):
            plan = catalog.content.plan(name)
            repository = opened.repository(name) if opened else None
            image = catalog.workshop.build(catalog.content, plan, _known(catalog, name, repository))
            if checks is not None:
                environment = catalog.content.environment(name)
                reports = check_image(catalog.workshop, environment, image, repository, checks)
                image = replace(image, checks=reports)
            if opened and repository:
                from envcatalog.registry.push import push_image

                push_image(opened, repository, image, progress=catalog.progress)
            images.append(image)
    return tuple(images)


def _known(catalog: Catalog, name: str, repository: Repository | None) -> dict[str, Layer]:
    versions = catalog.versions(name)
    if repository is None or not versions or not versions[0].image:
        return {}
    return known_layers(repository, versions[0].image, catalog.content.plan(name))
