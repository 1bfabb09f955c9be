"""Plans for a Docker Engine to images: what the builder needs is put together from definition, lock and files."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.catalog.publishing.checking import layer_file
from envcatalog.formats.docker.pin import pin_images
from envcatalog.formats.docker.source import DockerfileSource, base_argument
from envcatalog.image.docker.cache import find_image, keep_image
from envcatalog.image.docker.image import assemble_docker
from envcatalog.lock.dockerfile import docker_source
from envcatalog.model.docker import ContextFile, DockerBase, DockerBuild
from envcatalog.model.environment import Environment, EnvironmentBase
from envcatalog.model.errors import Refusal
from envcatalog.model.files import MODE_LINK, MODE_PROGRAM, FolderFile
from envcatalog.model.image import BaseImage, BuiltImage, Layer
from envcatalog.model.lock import Lock, LockedImage
from envcatalog.model.plan import BaseManifest, ImagePlan

if TYPE_CHECKING:
    from envcatalog.catalog.building.workshop import Workshop
    from envcatalog.run.engine.build import EngineBuilder


def build_docker(workshop: Workshop, content: Content, plan: ImagePlan) -> BuiltImage:
    """The image; one that was built here for the same plan is taken as it is.

    Raises:
        UserError, Refusal: as `run.engine.build.EngineBuilder.build`; nothing is kept of a build that failed.
    """
    from envcatalog.run.engine.build import EngineBuilder

    platforms = [item.platform for item in plan.platforms]
    images = {platform: find_image(workshop.cache, plan.digest, platform) for platform in platforms}
    missing = [platform for platform, image in images.items() if image is None]
    if missing:
        builder = EngineBuilder(
            workshop.cache, workshop.progress, blob=lambda layer: layer_file(workshop, layer, None)
        )
        builder.check(plan.environment, missing)
        for platform in missing:
            images[platform] = _built(workshop, content, plan, platform, builder)
    return assemble_docker(plan, {platform: image for platform, image in images.items() if image is not None})


def _built(
    workshop: Workshop, content: Content, plan: ImagePlan, platform: str, builder: EngineBuilder
) -> BaseImage:
    from envcatalog.run.engine.secrets import machine_secrets

    options = workshop.options
    build = docker_build(workshop, content, plan, platform)
    # What we render asks for no network, and an option cannot change that.
    network = build.network if build.network != "default" else options.network
    build = replace(build, network=network, timeout=options.timeout, fresh=options.fresh)
    built = builder.build(build, (*options.secrets, *machine_secrets()))
    keep_image(workshop.cache, plan.digest, platform, built)
    return built


def docker_build(workshop: Workshop, content: Content, plan: ImagePlan, platform: str) -> DockerBuild:
    """What the engine is to build for one platform.

    Raises:
        Refusal: the Dockerfile's images cannot be replaced by their digests.
        UserError: an image that it starts from is gone.
    """
    name = plan.environment
    # The plan was made from this very lock, so the files were compared with it already.
    environment, lock = content.environment(name), content.lock(name)
    assert lock is not None, "a plan has a lock"
    if environment.dockerfile is None:
        from envcatalog.catalog.building.docker_system import system_build

        return system_build(workshop, content, plan, platform)
    source = docker_source(environment, content.folder(name))
    bases = _bases(workshop, content, environment, lock, source, platform)
    pins = {image: base.reference for image, base in bases.items()}
    return DockerBuild(
        environment=name,
        platform=platform,
        dockerfile=pin_images(source.parsed, source.stages, pins, source.args),
        origin=source.parsed.origin,
        context=tuple(_context_file(file) for file in source.context.files),
        bases=tuple(bases.values()),
        args=environment.dockerfile.args,
        target=environment.dockerfile.target,
        buildkit=bool(source.stages.buildkit),
    )


def _bases(
    workshop: Workshop,
    content: Content,
    environment: Environment,
    lock: Lock,
    source: DockerfileSource,
    platform: str,
) -> dict[str, DockerBase]:
    """Every image of the Dockerfile, by the reference that it has there."""
    found = {}
    own = base_argument(environment)
    locked = {image.image: image for image in (lock.dockerfile.images if lock.dockerfile else ())}
    if isinstance(lock.base, LockedImage):
        locked[lock.base.image] = lock.base
    for reference in source.stages.references:
        if reference in own.values() and isinstance(environment.base, EnvironmentBase):
            found[reference] = _environment(workshop, content, environment.base.environment, platform)
        else:
            found[reference] = image_base(workshop, locked[reference], platform)
    return found


def image_base(workshop: Workshop, locked: LockedImage, platform: str) -> DockerBase:
    """A locked image for an engine, which pulls it by digest; what is in a folder is loaded."""
    digest = dict(locked.manifests)[platform]
    image = workshop.base(BaseManifest(image=locked.image, digest=digest))
    if (json.loads(image.config).get("config") or {}).get("OnBuild"):
        raise Refusal(
            f"the image `{locked.image}` has `ONBUILD` instructions, which would run in the build and are in no lock",
            "start from an image without them, and write what they do into the Dockerfile",
        )
    if locked.image.startswith("oci:"):
        return _loaded(workshop, image.config, image.layers)
    host, _, path = locked.image.partition("@")[0].partition("/")
    name = f"{host}/{path.partition(':')[0]}"
    return DockerBase(reference=f"{name}@{digest}", config=image.config, layers=image.layers)


def _environment(workshop: Workshop, content: Content, name: str, platform: str) -> DockerBase:
    plan = content.locked_plan(name)
    if (
        plan.builder == "docker"
        and workshop.published
        and not find_image(workshop.cache, plan.digest, platform)
    ):
        # Built again, it would be another image than the one that people use.
        published = workshop.published(name, plan.digest, platform)
        if published is not None:
            image = workshop.base(published)
            return _loaded(workshop, image.config, image.layers)
    built = workshop.build(content, plan, {})
    chosen = next(item for item in built.platforms if item.platform == platform)
    return _loaded(workshop, chosen.config, chosen.layers)


def _loaded(workshop: Workshop, config: bytes, layers: tuple[Layer, ...]) -> DockerBase:
    # A tag of its own for each build, so that two at once do not remove each other's.
    tag = f"envcatalog-base:{secrets.token_hex(12)}"
    here = tuple(replace(layer, path=layer_file(workshop, layer, None)) for layer in layers)
    return DockerBase(reference=tag, config=config, layers=here, load=True)


def _context_file(file: FolderFile) -> ContextFile:
    if file.mode == MODE_LINK:
        return ContextFile(path=file.path, mode=0, link=file.read().decode("utf-8", "surrogateescape"))
    return ContextFile(path=file.path, mode=0o755 if file.mode == MODE_PROGRAM else 0o644, source=file.read)
