"""`new --from` an image: what its registry says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcatalog.definition.finding import bare
from envcatalog.definition.references import image_error
from envcatalog.formats.incoming.docker import read_image as formats
from envcatalog.formats.incoming.importing import check_options
from envcatalog.model.draft import Draft, Wanted
from envcatalog.model.errors import UserError
from envcatalog.model.plan import BaseManifest

if TYPE_CHECKING:
    from envcatalog.catalog.opened import OpenCatalog


def read_image(catalog: OpenCatalog, reference: str, wanted: Wanted) -> Draft:
    """A definition that starts from an image; its manifest and configuration are read, and no layer.

    Args:
        reference: ``HOST/PATH:TAG``, or ``oci:DIR:TAG`` with a folder of the catalog.

    Raises:
        UserError: it is no reference, there is no such image, or it has nothing that was asked for, such as extras.
        Refusal: it is for no platform that environments are built for.
    """
    check_options(wanted, "image", ("managed",))
    error = image_error(reference)
    if error is not None:
        raise UserError(f"`{bare(reference)}` {error[0]}", error[1])
    source = catalog.workshop.images
    found = source.resolve(reference)
    manifests = dict(found.manifests)
    first = next((platform for platform in (*wanted.platforms, *manifests) if platform in manifests), None)
    config = b"{}"
    if first is not None:
        config = source.image(BaseManifest(image=reference, digest=manifests[first])).config
    return formats.read_image(config, reference, wanted, tuple(manifests))
