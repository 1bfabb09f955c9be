"""An image as the engine's load call takes it: a ``docker-archive`` stream, made on the fly.

The layers' compressed blobs are passed on as they are; the engine recognises gzip by itself.
Source: Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from envcatalog.model.digest import sha256_digest
from envcatalog.model.image import BuiltPlatform
from envcatalog.run.checks import Blob

CHUNK = 1 << 20


def docker_archive(platform: BuiltPlatform, *, tag: str, blob: Blob) -> Iterator[bytes]:
    """The bytes of the archive, a megabyte at a time. Raises OSError for an unreadable blob."""
    config = sha256_digest(platform.config).removeprefix("sha256:") + ".json"
    names = [f"{layer.digest.removeprefix('sha256:')}.tar" for layer in platform.layers]
    manifest = [{"Config": config, "RepoTags": [tag], "Layers": names}]
    yield from _file("manifest.json", json.dumps(manifest).encode())
    yield from _file(config, platform.config)
    sent: set[str] = set()
    for name, layer in zip(names, platform.layers, strict=True):
        if name not in sent:
            sent.add(name)
            yield from _stream(name, blob(layer))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _file(name: str, data: bytes) -> Iterator[bytes]:
    yield _header(name, len(data))
    yield data + bytes(-len(data) % tarfile.BLOCKSIZE)


def _stream(name: str, path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        size = path.stat().st_size
        yield _header(name, size)
        while chunk := file.read(CHUNK):
            yield chunk
    yield bytes(-size % tarfile.BLOCKSIZE)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT)
