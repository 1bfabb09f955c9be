"""Layers of a published image, by key: what another machine built need not be built or fetched here."""

from __future__ import annotations

import json
from typing import Any

from envcatalog.model.digest import DIGEST
from envcatalog.model.image import KEY_CLAIMS, KEY_LAYER, MEDIA_LAYER_GZIP, Layer


def layers_of(manifest: bytes, config: bytes, repository: str) -> dict[str, Layer]:
    """The layers that carry a key; a base's carry none. Nothing is believed that is not well formed.

    Args:
        manifest, config: of one platform's image, as the registry holds them, verified against their digests.
        repository: where they are from; the layers can be mounted from there.
    """
    descriptors = _list(_object(manifest).get("layers"))
    rootfs = _object(config).get("rootfs")
    diff_ids = _list(rootfs.get("diff_ids")) if isinstance(rootfs, dict) else []
    if len(descriptors) != len(diff_ids):
        return {}
    found = (_layer(*pair, repository) for pair in zip(descriptors, diff_ids, strict=True))
    return {layer.key: layer for layer in found if layer}


def _layer(descriptor: object, diff_id: object, repository: str) -> Layer | None:
    if not isinstance(descriptor, dict) or descriptor.get("mediaType") != MEDIA_LAYER_GZIP:
        return None
    annotations = descriptor.get("annotations")
    key = annotations.get(KEY_LAYER) if isinstance(annotations, dict) else None
    digest, size = descriptor.get("digest"), descriptor.get("size")
    if not (_is_digest(key) and _is_digest(digest) and _is_digest(diff_id)):
        return None
    if type(size) is not int or size <= 0:
        return None
    claims = _claims(annotations)
    if claims is None:
        return None
    return Layer(
        key=str(key),
        digest=str(digest),
        size=size,
        diff_id=str(diff_id),
        claims=claims,
        repository=repository,
    )


def _claims(annotations: object) -> tuple[str, ...] | None:
    text = annotations.get(KEY_CLAIMS, "[]") if isinstance(annotations, dict) else None
    try:
        claims = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(claims, list) or not all(isinstance(claim, str) for claim in claims):
        return None
    return tuple(claims)


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and DIGEST.match(value) is not None


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
