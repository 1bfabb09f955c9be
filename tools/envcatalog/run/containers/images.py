"""Getting an image into the engine: it has it already, it pulls it, or we load it as an archive."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.image import BuiltPlatform
from envcatalog.model.seams import Progress
from envcatalog.run.archive import docker_archive
from envcatalog.run.checks import Blob
from envcatalog.run.engine.client import engine_errors, error_text


def image_in_engine(client: Any, platform: BuiltPlatform, reference: str | None) -> str | None:
    """What the engine knows the image by; None where it has it not.

    Args:
        reference: ``HOST/PREFIX/name@sha256:...``; an engine that keeps images as containerd does knows only that.
    """
    from docker.errors import ImageNotFound

    for known in (sha256_digest(platform.config), reference):
        if known is not None:
            with suppress(ImageNotFound):
                return str(client.inspect_image(known)["Id"])
    return None


def tagged_image(client: Any, tag: str, label: str, value: str) -> str | None:
    """What an earlier run has loaded; None unless the image under the tag has the label."""
    from docker.errors import ImageNotFound

    try:
        found = client.inspect_image(tag)
    except ImageNotFound:
        return None
    labels = found.get("Config", {}).get("Labels") or {}
    return str(found["Id"]) if labels.get(label) == value else None


def pull_image(client: Any, reference: str, progress: Progress) -> str | None:
    """Let the engine fetch an image by digest, with its own credentials and proxies; None where it cannot."""
    repository, _, digest = reference.partition("@")
    try:
        progress.step(f"the engine pulls {reference}")
        for message in client.pull(repository, tag=digest, stream=True, decode=True):
            if "error" in message:
                return None
        return str(client.inspect_image(reference)["Id"])
    except engine_errors():
        return None


def load_image(client: Any, platform: BuiltPlatform, tag: str, blob: Blob, progress: Progress) -> str:
    """Load an image from its layers; it keeps the tag, so that the next run finds it.

    Raises:
        UserError: the engine refuses it, or a layer cannot be read.
    """
    errors: tuple[type[Exception], ...] = (*engine_errors(), OSError)
    size = sum(layer.size for layer in platform.layers)
    progress.step(f"loading {tag} into the engine ({size / 1e6:.1f} MB compressed)")
    try:
        for message in client.load_image(docker_archive(platform, tag=tag, blob=blob), quiet=True):
            if "error" in message:
                raise UserError(f"the engine did not load the image: {message['error']}")
        return str(client.inspect_image(tag)["Id"])
    except errors as error:
        raise UserError(f"the engine did not load the image: {error_text(error)}") from None
