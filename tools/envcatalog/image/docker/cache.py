"""Images that an engine built here, by plan: made once, so that `build` and then `publish` are of one image.

``docker/<plan>-<architecture>.json`` says what the image is; its layers are where all blobs are. The same Dockerfile
built twice may give other bytes, so what was built for a plan is kept rather than built again.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from envcatalog.model.digest import DIGEST, Json, canonical_json, sha256_digest
from envcatalog.model.image import BaseImage, Layer

FORMAT = 1


def find_image(cache: Path, plan: str, platform: str) -> BaseImage | None:
    """The image; None where it is not here, or a blob of it is gone or of another size."""
    try:
        record = json.loads(_path(cache, plan, platform).read_bytes())
        if record["format"] != FORMAT:
            return None
        layers = tuple(_layer(cache, item) for item in record["layers"])
        config = str(record["config"]).encode()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if any(layer is None for layer in layers):
        return None
    sound = tuple(layer for layer in layers if layer is not None)
    return BaseImage(
        image=str(record["image"]), manifest_digest=sha256_digest(config), config=config, layers=sound
    )


def keep_image(cache: Path, plan: str, platform: str, image: BaseImage) -> None:
    """Record an image whose own layers are in the cache."""
    layers: list[Json] = [
        {
            "digest": layer.digest,
            "size": layer.size,
            "diff_id": layer.diff_id,
            "media_type": layer.media_type,
            "source": layer.source,
            "own": layer.path is not None,
        }
        for layer in image.layers
    ]
    record: Json = {
        "format": FORMAT,
        "image": image.image,
        "config": image.config.decode(),
        "layers": layers,
    }
    target = _path(cache, plan, platform)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".record-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(canonical_json(record))
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink(missing_ok=True)
        raise


def _path(cache: Path, plan: str, platform: str) -> Path:
    return cache / "docker" / f"{plan.removeprefix('sha256:')}-{platform.replace('/', '-')}.json"


def _layer(cache: Path, item: dict[str, object]) -> Layer | None:
    digest, size = str(item["digest"]), item["size"]
    if not DIGEST.match(digest) or not isinstance(size, int):
        return None
    path = cache / "blobs" / "sha256" / digest.removeprefix("sha256:")
    if item["own"] and (not path.is_file() or path.stat().st_size != size):
        return None
    source = item["source"]
    return Layer(
        key="",
        digest=digest,
        size=size,
        diff_id=str(item["diff_id"]),
        media_type=str(item["media_type"]),
        path=path if item["own"] else None,
        source=str(source) if source is not None else None,
    )
