"""Base images: found by reference, locked by digest, known by manifest and configuration. Never unpacked.

Manifests and configurations are cached by digest; layers are not downloaded here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envcatalog.model.digest import DIGEST, sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.image import MEDIA_LAYER_GZIP, BaseImage, Layer
from envcatalog.model.plan import BaseManifest
from envcatalog.model.seams import Manifest
from envcatalog.registry import files
from envcatalog.registry.media import (
    INDEXES,
    MANIFEST_LIMIT,
    MANIFESTS,
    SMALL_BLOB_LIMIT,
    media_type_of,
    read_object,
)
from envcatalog.registry.source import Sources

LAYERS = frozenset(
    {
        MEDIA_LAYER_GZIP,
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
    }
)
REBUILT = "pull the image with a current client and push it again, or choose another base"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedImage:
    """What a reference names now.

    Attributes:
        digest: of the index or manifest.
        manifests: platform to manifest digest, sorted.
    """

    digest: str
    manifests: tuple[tuple[str, str], ...]


class ImageSource:
    """Finds base images.

    Args:
        root: what the folders of ``oci:DIR:REF`` are relative to, usually the catalog's root.
        cache: folder for manifests and configurations.
    """

    def __init__(self, root: Path, cache: Path) -> None:
        self._cache = cache / "images"
        self._sources = Sources(cache, root)

    def resolve(self, reference: str) -> ResolvedImage:
        """Look the reference up.

        Raises:
            UserError: outside the grammar, not there, or not an image that can be a base.
        """
        located = self._sources.locate(reference)
        found = located.repository.manifest(located.reference)
        if found is None:
            raise UserError(
                f"there is no image `{reference}`", "check the name and tag, and that you may read it"
            )
        document = _document(found, reference)
        if found.media_type in INDEXES:
            return ResolvedImage(digest=found.digest, manifests=_platforms(document))
        config = read_object(self._config(reference, _config_digest(document, reference))) or {}
        platform = _platform(config)
        if platform is None:
            raise UserError(f"`{reference}` does not say for which platform it is", REBUILT)
        return ResolvedImage(digest=found.digest, manifests=((platform, found.digest),))

    def image(self, base: BaseManifest) -> BaseImage:
        """The configuration and layers of a locked base.

        Raises:
            UserError: it is gone, or no image that can be a base.
        """
        manifest = self._manifest(base)
        document = _document(manifest, base.image)
        if manifest.media_type not in MANIFESTS:
            raise UserError(
                f"`{base.digest}` of `{base.image}` is not the manifest of one platform", "lock it again"
            )
        config = self._config(base.image, _config_digest(document, base.image))
        source = self._sources.lasting(base.image, base.digest)
        return BaseImage(
            image=base.image,
            manifest_digest=base.digest,
            config=config,
            layers=_layers(document, config, base.image, source),
        )

    def close(self) -> None:
        """Close the connections."""
        self._sources.close()

    def _manifest(self, base: BaseManifest) -> Manifest:
        data = self._cached(base.digest, MANIFEST_LIMIT)
        if data is None:
            found = self._sources.locate(base.image).repository.manifest(base.digest)
            if found is None:
                hint = "choose another tag, or run `envcat lock --upgrade`"
                raise UserError(f"the base image `{base.image}` no longer has `{base.digest}`", hint)
            data = found.data
            self._keep(base.digest, data)
        return Manifest(digest=base.digest, media_type=media_type_of(data) or "", data=data)

    def _config(self, reference: str, digest: str) -> bytes:
        data = self._cached(digest, SMALL_BLOB_LIMIT)
        if data is None:
            data = self._sources.locate(reference).repository.blob(digest)
            self._keep(digest, data)
        return data

    def _cached(self, digest: str, limit: int) -> bytes | None:
        try:
            with (self._cache / digest.removeprefix("sha256:")).open("rb") as stream:
                data = stream.read(limit)
        except OSError:
            return None
        return data if sha256_digest(data) == digest else None

    def _keep(self, digest: str, data: bytes) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        files.write_whole(self._cache / digest.removeprefix("sha256:"), data, digest=digest)


def _document(found: Manifest, reference: str) -> dict[str, Any]:
    document = read_object(found.data) or {}
    if found.media_type not in INDEXES | MANIFESTS:
        old = document.get("schemaVersion") == 1
        kind = (
            "an image of the old schema 1" if old else f"of the type `{found.media_type[:100]}`, not an image"
        )
        raise UserError(f"`{reference}` is {kind}", REBUILT)
    return document


def _platforms(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    listed = document.get("manifests")
    found: dict[str, str] = {}
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or entry.get("mediaType") not in MANIFESTS:
            continue
        wanted = entry.get("platform")
        platform = _platform(wanted) if isinstance(wanted, dict) else None
        if platform and _is_digest(entry.get("digest")):
            found.setdefault(platform, entry["digest"])
    return tuple(sorted(found.items()))


def _platform(told: dict[str, Any]) -> str | None:
    """``os/architecture[/variant]``; None for what no machine runs, such as attestations (``unknown``)."""
    parts = [told.get("os"), told.get("architecture")]
    if not all(isinstance(part, str) and part and part != "unknown" for part in parts):
        return None
    variant = told.get("variant")
    if isinstance(variant, str) and variant and (parts[1], variant) != ("arm64", "v8"):
        parts.append(variant)
    return "/".join(str(part) for part in parts)


def _config_digest(document: dict[str, Any], reference: str) -> str:
    config = document.get("config")
    digest = config.get("digest") if isinstance(config, dict) else None
    if not _is_digest(digest):
        raise UserError(f"the manifest of `{reference}` names no configuration", REBUILT)
    return str(digest)


def _layers(document: dict[str, Any], config: bytes, reference: str, source: str) -> tuple[Layer, ...]:
    listed = document.get("layers")
    rootfs = (read_object(config) or {}).get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(listed, list) or not isinstance(diff_ids, list) or len(listed) != len(diff_ids):
        raise UserError(f"the layers of `{reference}` do not match its configuration", REBUILT)
    return tuple(
        _layer(entry, diff_id, reference, source) for entry, diff_id in zip(listed, diff_ids, strict=True)
    )


def _layer(entry: object, diff_id: object, reference: str, source: str) -> Layer:
    told = entry if isinstance(entry, dict) else {}
    digest, size, media_type = told.get("digest"), told.get("size"), told.get("mediaType")
    if media_type not in LAYERS:
        raise UserError(
            f"`{reference}` has a layer of the type `{str(media_type)[:100]}`, which cannot be copied",
            REBUILT,
        )
    if not _is_digest(digest) or not _is_digest(diff_id) or not isinstance(size, int) or size < 0:
        raise UserError(f"the manifest of `{reference}` is damaged", REBUILT)
    return Layer(
        key="", digest=str(digest), size=size, diff_id=str(diff_id), media_type=str(media_type), source=source
    )


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and DIGEST.match(value) is not None
