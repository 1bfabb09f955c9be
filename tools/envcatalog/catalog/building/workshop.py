"""The tools that building needs, made once for a command and only when they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envcatalog.catalog.building.published_base import FindPublished
from envcatalog.catalog.content import Content
from envcatalog.lock.conda.channels import rooted
from envcatalog.model.docker import BuildOptions
from envcatalog.model.errors import UserError
from envcatalog.model.image import KEY_LAYER, BaseImage, BuiltImage, Layer
from envcatalog.model.lock import CondaPackage
from envcatalog.model.plan import BaseManifest, ImagePlan
from envcatalog.model.seams import Progress, Repository
from envcatalog.model.settings import Settings

if TYPE_CHECKING:
    from envcatalog.image.build import Builder
    from envcatalog.lock.fetch import ArtefactStore
    from envcatalog.lock.learning.learner import Learner
    from envcatalog.registry.base import ImageSource


class Workshop:
    """Artefacts, builder and base images of one catalog on one machine.

    Args:
        root: the catalog's root, to which ``oci:`` bases and the settings' folders are relative.
        cache: folder for artefacts, layers and blobs; safe to share between processes and to delete.
        options: of docker builds.

    Attributes:
        published: finds what is published already, by name, plan and platform; None where no registry is at hand.
    """

    def __init__(
        self,
        *,
        root: Path,
        cache: Path,
        settings: Settings,
        progress: Progress,
        options: BuildOptions | None = None,
    ) -> None:
        self.root = root
        self.cache = cache
        self.settings = rooted(settings, root)
        self.progress = progress
        self.options = options or BuildOptions()
        self.published: FindPublished | None = None

    @cached_property
    def artefacts(self) -> ArtefactStore:
        """The files that locks name."""
        from envcatalog.lock.fetch import ArtefactStore

        return ArtefactStore(self.cache, self.settings, self.progress)

    @cached_property
    def learner(self) -> Learner:
        """Who asks what the files are beside their bytes."""
        from envcatalog.lock.learning.learner import Learner

        return Learner(self.artefacts, self.settings, self.cache, self.progress)

    @cached_property
    def images(self) -> ImageSource:
        """Base images, by reference and by digest."""
        from envcatalog.registry.base import ImageSource

        return ImageSource(self.root, self.cache)

    @cached_property
    def builder(self) -> Builder:
        """The embedded builder."""
        from envcatalog.image.build import Builder

        return Builder(self.cache, self.artefacts, self.progress)

    def base(self, base: BaseManifest) -> BaseImage:
        """A base image's manifest and configuration; its layers stay where they are."""
        return self.images.image(base)

    def build(self, content: Content, plan: ImagePlan, known: dict[str, Layer]) -> BuiltImage:
        """The image.

        Args:
            known: layers that the target registry holds, by key; they are neither built nor asked for.

        Raises:
            Gone: a locked file is served nowhere any longer; the hint names the environment whose lock has it.
            Refusal: an artefact is malformed or not what a lock says of it, or two packages hold different files at
                one path.
            UserError, Refusal: no engine answers where one is needed, or its build failed.
        """
        if plan.builder == "docker":
            from envcatalog.catalog.building.docker_building import build_docker

            return build_docker(self, content, plan)
        from envcatalog.catalog.building.truth import Truth
        from envcatalog.lock.fetch import Gone

        self.keep_jars(content, plan.environment)
        truth = Truth(content, plan.environment, self.cache, listed=self._listed_licence)
        truth.check_here(plan, self.artefacts)
        try:
            return self.builder.build(
                plan, known=known, bases=lambda base: _held(self.base(base), known), check=truth.check
            )
        except Gone as error:
            raise Gone(error.artefact, content.owner(plan.environment, error.artefact)) from error

    def _listed_licence(self, package: CondaPackage) -> str:
        """What its channel says now; empty where it has the file no longer. Raises UserError: it cannot be read."""
        from envcatalog.lock.conda.look_up import look_up

        return look_up([package], self.settings, self.root, self.cache, ask=True)[package.sha256].license

    def keep_jars(self, content: Content, name: str) -> None:
        """Put jars of the folders of an environment and of its bases where a builder finds them.

        Raises:
            Refusal: one is gone, or another than the lock says.
        """
        for environment in content.chain(name):
            if environment.spark is not None and environment.spark.jars:
                from envcatalog.lock.jars import keep_jars

                lock = content.fresh_lock(environment.name)
                keep_jars(content.folder(environment.name), lock.platforms[0].files, self.artefacts)

    def close(self) -> None:
        """Close the connections to base images' registries."""
        if "images" in self.__dict__:
            self.images.close()


def known_layers(repository: Repository, digest: str, plan: ImagePlan) -> dict[str, Layer]:
    """Layers by key of an image that the registry holds, for the plan's platforms; nothing but JSON is fetched.

    Layers of a base image have no key and go by their digest: they are not reused, but need no upload either.
    """
    from envcatalog.image.reuse import layers_of

    index = repository.manifest(digest)
    if index is None:
        return {}
    platforms = {item.platform for item in plan.platforms}
    layers: dict[str, Layer] = {}
    for entry in _entries(index.data):
        named = entry.get("platform") or {}
        if f"{named.get('os')}/{named.get('architecture')}" not in platforms:
            continue
        manifest = repository.manifest(str(entry.get("digest")))
        if manifest is None:
            continue
        document = json.loads(manifest.data)
        config = document.get("config", {}).get("digest")
        layers |= {layer.digest: layer for layer in _base_layers(document, repository.name)}
        layers |= layers_of(manifest.data, repository.blob(config), repository.name)
    return layers


def _base_layers(manifest: dict[str, Any], repository: str) -> Iterator[Layer]:
    for entry in manifest.get("layers") or ():
        if isinstance(entry, dict) and KEY_LAYER not in (entry.get("annotations") or {}):
            yield Layer(key="", digest=str(entry.get("digest")), size=0, diff_id="", repository=repository)


def _held(image: BaseImage, known: dict[str, Layer]) -> BaseImage:
    """The base image, whose layers can be mounted from where an image on it was published before."""
    places = {digest: layer.repository for digest, layer in known.items() if not layer.key}
    layers = (replace(layer, repository=places.get(layer.digest, layer.repository)) for layer in image.layers)
    return replace(image, layers=tuple(layers))


def _entries(index: bytes) -> list[dict[str, Any]]:
    try:
        return list(json.loads(index).get("manifests", []))
    except (ValueError, AttributeError) as error:
        raise UserError("the registry holds an index that is no JSON object") from error
