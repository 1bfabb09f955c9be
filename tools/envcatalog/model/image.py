"""Built images and their layers: descriptors in the OCI sense."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from envcatalog.model.result import CheckReport

MEDIA_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_CONFIG = "application/vnd.oci.image.config.v1+json"
MEDIA_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"

# Annotations and labels of ours, in reverse-DNS form as the OCI image specification asks.
KEY_LAYER = "io.envcatalog.layer.key"
KEY_CLAIMS = "io.envcatalog.layer.claims"
KEY_PLAN = "io.envcatalog.plan"
KEY_ENVIRONMENT = "io.envcatalog.environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer that exists somewhere.

    Attributes:
        key: layer key; empty for a base image's layers, which have none.
        digest, size: of the compressed blob; size in bytes.
        diff_id: digest of the uncompressed tar.
        claims: what of the Python environment it holds, coarsely: names at the top of ``site-packages``, and paths
            of other files below ``/opt/env``. Layers whose claims do not meet hold no file in common there.
        path: the blob in the local cache; None when only a registry holds it.
        repository: a repository of the target registry known to hold the blob (mount from there); None if unknown.
        source: image reference the blob can be copied from (base layers); None if unknown.
    """

    key: str
    digest: str
    size: int
    diff_id: str
    media_type: str = MEDIA_LAYER_GZIP
    claims: tuple[str, ...] = ()
    path: Path | None = None
    repository: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPlatform:
    """One platform's image: the exact bytes of its configuration and manifest, and the layers they name."""

    platform: str
    config: bytes
    manifest: bytes
    manifest_digest: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """An image: an index over the platforms.

    Attributes:
        digest: the index's, which is the image digest.
        checks: how the definition's checks went, for each platform; empty where none were asked for.
    """

    environment: str
    plan: str
    index: bytes
    digest: str
    platforms: tuple[BuiltPlatform, ...]
    checks: tuple[CheckReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """A base image of one platform, known by its manifest: never unpacked, its layers only copied or mounted."""

    image: str
    manifest_digest: str
    config: bytes
    layers: tuple[Layer, ...]
