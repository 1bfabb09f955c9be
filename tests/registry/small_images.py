"""Small real images for the tests of this room: one gzip layer for each text, for one or two platforms."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

from envcatalog.model.digest import sha256_digest
from envcatalog.model.image import (
    KEY_LAYER,
    MEDIA_CONFIG,
    MEDIA_INDEX,
    MEDIA_MANIFEST,
    BuiltImage,
    BuiltPlatform,
    Layer,
)


def make_layer(folder: Path, content: bytes, name: str = "file") -> Layer:
    """A layer with one file, stored below `folder`."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    data = gzip.compress(raw.getvalue(), 1, mtime=0)
    digest = sha256_digest(data)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / digest.removeprefix("sha256:")
    path.write_bytes(data)
    key = sha256_digest(b"key" + content)
    return Layer(key=key, digest=digest, size=len(data), diff_id=sha256_digest(raw.getvalue()), path=path)


def make_platform(layers: tuple[Layer, ...], architecture: str = "amd64") -> BuiltPlatform:
    """One platform's image over the layers."""
    config = json.dumps(
        {
            "created": "1980-01-01T00:00:00Z",
            "architecture": architecture,
            "os": "linux",
            "config": {"Env": ["PATH=/usr/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": "1980-01-01T00:00:00Z", "created_by": "test"} for _ in layers],
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_MANIFEST,
            "config": {"mediaType": MEDIA_CONFIG, "digest": sha256_digest(config), "size": len(config)},
            "layers": [
                {
                    "mediaType": layer.media_type,
                    "digest": layer.digest,
                    "size": layer.size,
                    "annotations": {KEY_LAYER: layer.key},
                }
                for layer in layers
            ],
        }
    ).encode()
    return BuiltPlatform(
        platform=f"linux/{architecture}",
        config=config,
        manifest=manifest,
        manifest_digest=sha256_digest(manifest),
        layers=layers,
    )


def make_image(name: str, *platforms: BuiltPlatform) -> BuiltImage:
    """An index over the platforms."""
    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_INDEX,
            "manifests": [
                {
                    "mediaType": MEDIA_MANIFEST,
                    "digest": item.manifest_digest,
                    "size": len(item.manifest),
                    "platform": {"os": "linux", "architecture": item.platform.split("/")[1]},
                }
                for item in platforms
            ],
        }
    ).encode()
    plan = "sha256:" + hashlib.sha256(index + b"plan").hexdigest()
    return BuiltImage(
        environment=name, plan=plan, index=index, digest=sha256_digest(index), platforms=platforms
    )


def simple_image(folder: Path, name: str = "sklearn", *contents: bytes) -> BuiltImage:
    """Two platforms that share their layers."""
    layers = tuple(make_layer(folder, content) for content in contents or (b"one", b"two"))
    return make_image(name, make_platform(layers), make_platform(layers, "arm64"))
