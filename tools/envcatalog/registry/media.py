"""Media types, and the small documents that registries and layouts share.

Source: OCI image specification 1.1 (manifest, index, "Guidelines for Artifact Usage").
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from envcatalog.model.digest import sha256_digest
from envcatalog.model.image import MEDIA_INDEX, MEDIA_MANIFEST
from envcatalog.model.seams import Manifest

MEDIA_EMPTY = "application/vnd.oci.empty.v1+json"
MEDIA_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MEDIA_DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = frozenset({MEDIA_INDEX, MEDIA_DOCKER_LIST})
MANIFESTS = frozenset({MEDIA_MANIFEST, MEDIA_DOCKER_MANIFEST})
ACCEPT = ", ".join((MEDIA_INDEX, MEDIA_MANIFEST, MEDIA_DOCKER_LIST, MEDIA_DOCKER_MANIFEST))

MANIFEST_LIMIT = 4 << 20
"""Bytes; the size every registry must take (OCI distribution specification, "Pushing Manifests")."""
SMALL_BLOB_LIMIT = 8 << 20

EMPTY = b"{}"
EMPTY_DIGEST = sha256_digest(EMPTY)


def media_type_of(data: bytes) -> str | None:
    """The media type that a manifest's or index's own bytes tell; None when they are neither."""
    document = read_object(data)
    if document is None or document.get("schemaVersion") != 2:
        return None
    told = document.get("mediaType")
    if isinstance(told, str):
        return told
    if isinstance(document.get("manifests"), list):
        return MEDIA_INDEX
    return MEDIA_MANIFEST if isinstance(document.get("config"), dict) else None


def read_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object in the bytes; None when they hold anything else."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def artifact_manifest(subject: Manifest, artifact_type: str, annotations: Mapping[str, str]) -> bytes:
    """A manifest without content of its own, attached to `subject`; the same input gives the same bytes."""
    empty = {
        "mediaType": MEDIA_EMPTY,
        "digest": EMPTY_DIGEST,
        "size": len(EMPTY),
        "data": base64.b64encode(EMPTY).decode(),
    }
    return to_json(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_MANIFEST,
            "artifactType": artifact_type,
            "config": empty,
            "layers": [empty],
            "subject": descriptor(subject.data, subject.media_type),
            "annotations": dict(sorted(annotations.items())),
        }
    )


def artifact_descriptor(data: bytes, artifact_type: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    """How an artifact is listed among the referrers of its subject."""
    listed = {"artifactType": artifact_type, "annotations": dict(sorted(annotations.items()))}
    return descriptor(data, MEDIA_MANIFEST) | listed


def descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    """An OCI descriptor of the bytes."""
    return {"mediaType": media_type, "digest": sha256_digest(data), "size": len(data)}


def to_json(document: object) -> bytes:
    """Compact JSON in the order given."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
