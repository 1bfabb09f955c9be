"""`build`: images without a version, from the work tree or from a commit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from envcatalog.catalog.building.workshop import known_layers
from envcatalog.catalog.content import Content
from envcatalog.catalog.lifecycle import (
    refuse_archived,
    refuse_archived_use,
    warn_of_actions,
    warning_of_use,
)
from envcatalog.catalog.publishing.checking import check_image
from envcatalog.model.image import BuiltImage, Layer
from envcatalog.model.plan import Action, ImagePlan
from envcatalog.model.seams import Repository

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def build_names(
    catalog: Catalog,
    content: Content,
    names: Sequence[str],
    *,
    registry: str | None,
    checks: str | None,
    archived: bool = False,
) -> tuple[BuiltImage, ...]:
    """Build, check where `checks` says how, and store by digest where a registry is given; no tag, no version.

    Args:
        content: of the work tree, or of a commit. Whether something is archived or deprecated, the work tree says.

    Raises:
        Stale, ProblemsFound: a definition cannot be built.
        Refusal: a check failed, a file of the lock is gone, or an environment is archived and `archived` False.
    """
    versions = catalog.versions_of(names)
    if content is catalog.content:
        for name in names if not archived else ():
            refuse_archived(content, name)
        asked = [Action(environment=name, action="build", reason="") for name in names]
        warn_of_actions(content, asked, versions, catalog.progress)
    else:
        _warn_of_use(catalog, content, names, archived=archived)
    images = []
    with ExitStack() as stack:
        opened = stack.enter_context(closing(catalog.open_registry(registry))) if registry else None
        for name in content.order(names):
            plan = content.plan(name)
            repository = opened.repository(name) if opened else None
            image = catalog.workshop.build(content, plan, _known(catalog, plan, name, repository))
            if checks is not None:
                environment = content.environment(name)
                reports = check_image(catalog.workshop, environment, image, repository, checks)
                image = replace(image, checks=reports)
            if opened and repository:
                from envcatalog.registry.push import push_image

                push_image(opened, repository, image, progress=catalog.progress)
            images.append(image)
    return tuple(images)


def _warn_of_use(catalog: Catalog, content: Content, names: Sequence[str], *, archived: bool) -> None:
    for name in names:
        if not archived:
            refuse_archived_use(catalog.content, name, "build")
        plan = content.plan(name).digest
        number = next((item.number for item in catalog.versions(name) if item.plan == plan), None)
        if said := warning_of_use(catalog.content, name, number):
            catalog.say_once(said)


def _known(catalog: Catalog, plan: ImagePlan, name: str, repository: Repository | None) -> dict[str, Layer]:
    versions = catalog.versions(name)
    if repository is None or not versions or not versions[0].image:
        return {}
    return known_layers(repository, versions[0].image, plan)
