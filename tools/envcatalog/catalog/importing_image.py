"""`new --from` an image: what its registry says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcatalog.model.draft import Draft, Wanted
from envcatalog.model.environment import DEFAULT_PLATFORM, Environment, ImageBase

if TYPE_CHECKING:
    from envcatalog.catalog.opened import OpenCatalog


def read_image(catalog: OpenCatalog, reference: str, wanted: Wanted) -> Draft:  # noqa: ARG001
    """A definition that starts from an image."""
    return Draft(
        environment=Environment(
            name=wanted.name,
            description=wanted.description,
            base=ImageBase(image=reference),
            platforms=wanted.platforms or (DEFAULT_PLATFORM,),
        )
    )
