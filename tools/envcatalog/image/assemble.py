"""Layers -> manifest and index. Source: OCI image specification 1.1, "Image Manifest" and "Image Index".

The image digest is the index's, also for one platform, so that adding a platform changes no reference's
meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from envcatalog.image.config import image_config
from envcatalog.image.plan import check_layer_count
from envcatalog.model.digest import Json, canonical_json, sha256_digest
from envcatalog.model.errors import Refusal
from envcatalog.model.image import (
    KEY_CLAIMS,
    KEY_ENVIRONMENT,
    KEY_LAYER,
    KEY_PLAN,
    MEDIA_CONFIG,
    MEDIA_INDEX,
    MEDIA_LAYER_GZIP,
    MEDIA_MANIFEST,
    BaseImage,
    BuiltImage,
    BuiltPlatform,
    Layer,
)
from envcatalog.model.plan import ImagePlan, PlatformPlan

KEY_TITLE = "io.envcatalog.layer.title"

_BASE_LABEL = "org.opencontainers.image.base."
# A manifest of one kind must not name layers of the other; the blobs are the same.
_DOCKER_LAYERS = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": MEDIA_LAYER_GZIP,
    "application/vnd.docker.image.rootfs.diff.tar": "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar.zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
_OCI_LAYERS = frozenset(_DOCKER_LAYERS.values())


def assemble_platform(
    plan: ImagePlan, platform: PlatformPlan, base: BaseImage | None, layers: Sequence[Layer]
) -> BuiltPlatform:
    """Configuration and manifest of one platform.

    Args:
        layers: those of the plan, in its order.

    Raises:
        Refusal: the base image cannot be built upon, or the image would have too many layers.
    """
    below = tuple(_base_layer(base, layer) for layer in base.layers) if base else ()
    check_layer_count(plan.environment, platform.platform, len(below) + len(layers))
    config = image_config(platform, base, layers)
    titles = [planned.title for planned in platform.layers]
    manifest = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_MANIFEST,
            "config": {"mediaType": MEDIA_CONFIG, "digest": sha256_digest(config), "size": len(config)},
            "layers": [
                *(_descriptor(layer) for layer in below),
                *(_own_descriptor(layer, title) for layer, title in zip(layers, titles, strict=True)),
            ],
            "annotations": _annotations(plan, platform),
        }
    )
    return BuiltPlatform(
        platform=platform.platform,
        config=config,
        manifest=manifest,
        manifest_digest=sha256_digest(manifest),
        layers=(*below, *layers),
    )


def assemble_image(plan: ImagePlan, platforms: Iterable[BuiltPlatform]) -> BuiltImage:
    """The index over the platforms, in the plan's order."""
    built = tuple(platforms)
    index = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_INDEX,
            "manifests": [_platform_descriptor(platform) for platform in built],
            "annotations": {KEY_ENVIRONMENT: plan.environment, KEY_PLAN: plan.digest},
        }
    )
    return BuiltImage(
        environment=plan.environment,
        plan=plan.digest,
        index=index,
        digest=sha256_digest(index),
        platforms=built,
    )


def _annotations(plan: ImagePlan, platform: PlatformPlan) -> dict[str, str]:
    base = {name: value for name, value in platform.config.labels if name.startswith(_BASE_LABEL)}
    return {**base, KEY_ENVIRONMENT: plan.environment, KEY_PLAN: plan.digest}


def _platform_descriptor(built: BuiltPlatform) -> Json:
    system, _, architecture = built.platform.partition("/")
    platform = {"os": system, "architecture": architecture}
    # The same as in the configuration, which may have taken the base's.
    variant = json.loads(built.config).get("variant")
    if isinstance(variant, str) and variant:
        platform["variant"] = variant
    return {
        "mediaType": MEDIA_MANIFEST,
        "digest": built.manifest_digest,
        "size": len(built.manifest),
        "platform": platform,
        "annotations": json.loads(built.manifest)["annotations"],
    }


def _base_layer(base: BaseImage, layer: Layer) -> Layer:
    media_type = _DOCKER_LAYERS.get(layer.media_type, layer.media_type)
    if media_type not in _OCI_LAYERS:
        raise Refusal(f"the base image `{base.image}` has a layer of the kind `{layer.media_type}`")
    return replace(layer, media_type=media_type)


def _own_descriptor(layer: Layer, title: str) -> Json:
    claims = {KEY_CLAIMS: canonical_json(layer.claims).decode()} if layer.claims else {}
    return {**_descriptor(layer), "annotations": {KEY_LAYER: layer.key, KEY_TITLE: title, **claims}}


def _descriptor(layer: Layer) -> dict[str, Json]:
    return {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}
