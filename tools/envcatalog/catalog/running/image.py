"""The image that a run needs, in the engine: the published one by digest, else one built now from the same lock."""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envcatalog.catalog.building.workshop import known_layers
from envcatalog.catalog.publishing.checking import layer_file
from envcatalog.model.errors import UserError
from envcatalog.model.image import KEY_PLAN, BuiltImage, BuiltPlatform, Layer
from envcatalog.model.seams import Registry, Repository

if TYPE_CHECKING:
    from envcatalog.catalog.running.reference import Target
    from envcatalog.catalog.sdk import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineImage:
    """An image that the engine has.

    Attributes:
        identity: what the engine knows it by.
        digest: image digest, as the version's tag has it; empty where the engine has an image that was built for an
            unpublished plan on another machine.
    """

    identity: str
    digest: str


def engine_image(catalog: Catalog, client: Any, target: Target, registry: str | None) -> EngineImage:
    """Have the image in the engine.

    A version comes from the registry, pulled by the engine, or loaded by us where the engine has no access. What is
    in no registry is built from its lock, with what the registry has of it.

    Raises:
        UserError: the environment is not made for the engine's platform.
        Refusal: as `Workshop.build`.
    """
    platform = _platform(client, target)
    where = registry or catalog._registry_of_settings()
    version = target.version
    if where is None:
        return _built(catalog, client, target, platform, None)
    with closing(catalog.open_registry(where)) as opened:
        repository = opened.repository(target.name)
        if version is not None and version.image:
            published = published_platform(repository, version.image, platform)
            if published is not None:
                reference = _by_digest(opened, target.name, version.image, where)
                identity = _have(catalog, client, target, published, reference, repository)
                return EngineImage(identity=identity, digest=version.image)
            catalog.progress.step(f"{version.reference} is not in `{where}`; it is built from its lock")
        return _built(catalog, client, target, platform, repository)


def published_platform(repository: Repository, digest: str, platform: str) -> BuiltPlatform | None:
    """One platform's image of a published index; None where the registry has not got it."""
    index = repository.manifest(digest)
    for entry in json.loads(index.data).get("manifests", ()) if index else ():
        named = entry.get("platform") or {}
        if f"{named.get('os')}/{named.get('architecture')}" != platform:
            continue
        manifest = repository.manifest(str(entry["digest"]))
        if manifest is None:
            return None
        document = json.loads(manifest.data)
        config = repository.blob(document["config"]["digest"])
        diff_ids = json.loads(config)["rootfs"]["diff_ids"]
        layers = tuple(
            Layer(
                key="",
                digest=layer["digest"],
                size=layer["size"],
                diff_id=diff_id,
                media_type=layer["mediaType"],
                repository=repository.name,
            )
            for layer, diff_id in zip(document["layers"], diff_ids, strict=True)
        )
        return BuiltPlatform(
            platform=platform,
            config=config,
            manifest=manifest.data,
            manifest_digest=manifest.digest,
            layers=layers,
        )
    return None


def _platform(client: Any, target: Target) -> str:
    answer = client.version()
    platform = f"{answer.get('Os')}/{answer.get('Arch')}"
    have = [item.platform for item in target.plan.platforms]
    if platform not in have:
        listed = ", ".join(f"`{item}`" for item in have)
        raise UserError(
            f"`{target.name}` is made for {listed}, and the engine runs `{platform}`",
            f"add `{platform}` to `platforms` in its definition, and run `envcat lock {target.name}`",
        )
    return platform


def _by_digest(opened: Registry, name: str, digest: str, where: str) -> str | None:
    if where.startswith("oci:"):
        return None
    return f"{opened.reference(name, 'x').removesuffix(':x')}@{digest}"


def _have(
    catalog: Catalog,
    client: Any,
    target: Target,
    platform: BuiltPlatform,
    reference: str | None,
    repository: Repository | None,
) -> str:
    from envcatalog.run.containers.images import image_in_engine, load_image, pull_image

    known = image_in_engine(client, platform, reference)
    if known is None and reference is not None:
        known = pull_image(client, reference, catalog.progress)
    if known is not None:
        return known
    return load_image(
        client,
        platform,
        _tag(target),
        lambda layer: layer_file(catalog.workshop, layer, repository),
        catalog.progress,
    )


def _built(
    catalog: Catalog, client: Any, target: Target, platform: str, repository: Repository | None
) -> EngineImage:
    from envcatalog.run.containers.images import tagged_image

    loaded = tagged_image(client, _tag(target), KEY_PLAN, target.plan.digest)
    if loaded is not None:
        return EngineImage(identity=loaded, digest=_digest(catalog, target))
    catalog.progress.step(f"building {target.name} from its lock")
    image: BuiltImage = catalog.workshop.build(
        target.content, target.plan, _known(catalog, target, repository)
    )
    published = target.version.image if target.version else ""
    if published and image.digest != published:
        catalog.progress.step(
            f"note: what was built is {image.digest[:19]}, and the published image {published[:19]}"
        )
    built = next(item for item in image.platforms if item.platform == platform)
    identity = _have(catalog, client, target, built, None, repository)
    _remember(catalog, target, image.digest)
    return EngineImage(identity=identity, digest=image.digest)


def _memory(catalog: Catalog, target: Target) -> Path:
    return catalog.cache / "run" / target.plan.digest.removeprefix("sha256:")


def _remember(catalog: Catalog, target: Target, digest: str) -> None:
    """The image digest of what is in the engine, which knows only digests of its own."""
    place = _memory(catalog, target)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.{os.getpid()}")
    part.write_text(digest, encoding="ascii")
    os.replace(part, place)


def _digest(catalog: Catalog, target: Target) -> str:
    if target.version and target.version.image:
        return target.version.image
    try:
        return _memory(catalog, target).read_text(encoding="ascii")
    except OSError:
        return ""


def _tag(target: Target) -> str:
    return f"envcatalog/{target.name}:{target.plan.digest.removeprefix('sha256:')[:16]}"


def _known(catalog: Catalog, target: Target, repository: Repository | None) -> dict[str, Layer]:
    newest = next((item for item in catalog.versions(target.name, gone=True) if item.image), None)
    if repository is None or newest is None:
        return {}
    return known_layers(repository, newest.image, target.plan)
