"""Environments whose packages we install, for the docker builder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.model.docker import DockerBuild
from envcatalog.model.errors import Refusal
from envcatalog.model.plan import ImagePlan

if TYPE_CHECKING:
    from envcatalog.catalog.workshop import Workshop


def system_build(
    workshop: Workshop,  # noqa: ARG001
    content: Content,  # noqa: ARG001
    plan: ImagePlan,
    platform: str,  # noqa: ARG001
) -> DockerBuild:
    """What an engine is to build for one platform; see `docker_building.docker_build`."""
    raise Refusal(
        f"`{plan.environment}` cannot be built by the docker builder", "leave `builder` and `--builder` out"
    )
