"""Layers by key, below the cache folder.

``layers/<key>.json`` says what a layer's blob is, ``layers/<key>.paths`` which paths it holds, and
``blobs/sha256/<hex>`` is the blob. Each file appears under its name in one step, the record last, so
processes may share a cache and a killed one leaves nothing but a temporary file. Nothing is synced to the
disk: what a power cut damages is found by its size or `verify`, and made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from envcatalog.image.codec import Compressed
from envcatalog.image.conflicts import claims_of
from envcatalog.image.tar import Entry, EntryKind
from envcatalog.model.digest import DIGEST, Json, canonical_json
from envcatalog.model.image import Layer

Fill = Callable[[BinaryIO], tuple[Compressed, Iterable[Entry]]]

_CHUNK = 1024 * 1024
_ABANDONED = 24 * 3600  # seconds
_KINDS = frozenset({"file", "symlink", "hardlink", "directory"})


class LayerCache:
    """Built layers, found by key."""

    def __init__(self, cache: Path) -> None:
        self._layers = cache / "layers"
        self._blobs = cache / "blobs" / "sha256"

    def find(self, key: str) -> Layer | None:
        """The layer, or None where it is not here, is truncated, or its record cannot be read."""
        file = self._record(key)
        try:
            record = json.loads(file.read_bytes())
            digest, diff_id, size = record["digest"], record["diff_id"], record["size"]
            path, claims = self._blob(digest), tuple(map(str, record["claims"]))
            if not (DIGEST.match(digest) and DIGEST.match(diff_id)) or path.stat().st_size != size:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Layer(key=key, digest=digest, size=size, diff_id=diff_id, claims=claims, path=path)

    def entries(self, key: str) -> tuple[Entry, ...] | None:
        """What the layer holds; None where the list is not here."""
        file = self._paths(key)
        try:
            lines = file.read_text("utf-8").split("\n")
        except (OSError, ValueError):
            return None
        found = [entry for entry in map(_entry, lines[:-1]) if entry]
        return tuple(found) if len(found) == len(lines) - 1 else None

    def store(self, key: str, fill: Fill) -> Layer:
        """Make a layer: `fill` writes the blob and says what it wrote; an error leaves all as it was."""
        self._layers.mkdir(parents=True, exist_ok=True)
        self._blobs.mkdir(parents=True, exist_ok=True)
        with _new_file(self._blobs) as (temporary, out):
            compressed, entries = fill(out)
            out.close()
            path = self._blob(compressed.digest)
            temporary.replace(path)
        listed = tuple(entries)
        _write(self._paths(key), "".join(map(_line, listed)).encode())
        layer = Layer(
            key=key,
            digest=compressed.digest,
            size=compressed.size,
            diff_id=compressed.diff_id,
            claims=claims_of(listed),
            path=path,
        )
        record: Json = {
            "digest": layer.digest,
            "diff_id": layer.diff_id,
            "size": layer.size,
            "claims": layer.claims,
        }
        _write(self._record(key), canonical_json(record))
        return layer

    def verify(self) -> tuple[str, ...]:
        """Read every blob; the keys of layers that are damaged, which are dropped, to be built again.

        What killed processes left is removed once it is a day old.
        """
        for part in (*self._layers.glob(".*.part"), *self._blobs.glob(".*.part")):
            if time.time() - part.stat().st_mtime > _ABANDONED:
                part.unlink(missing_ok=True)
        damaged = []
        for record in sorted(self._layers.glob("*.json")):
            key = f"sha256:{record.stem}"
            layer = self.find(key)
            if layer is None or _digest(layer.path) != layer.digest:
                record.unlink(missing_ok=True)
                damaged.append(key)
        return tuple(damaged)

    def _record(self, key: str) -> Path:
        return self._layers / f"{_hex(key)}.json"

    def _paths(self, key: str) -> Path:
        return self._layers / f"{_hex(key)}.paths"

    def _blob(self, digest: str) -> Path:
        return self._blobs / _hex(digest)


def _hex(digest: str) -> str:
    if not DIGEST.match(digest):
        raise ValueError(f"{digest!r} is no digest")
    return digest.partition(":")[2]


def _digest(path: Path | None) -> str:
    digest = hashlib.sha256()
    try:
        with cast(Path, path).open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return ""
    return "sha256:" + digest.hexdigest()


def _line(entry: Entry) -> str:
    # A path has no control characters (`paths.safe_parts`); a link's target and an owner may have.
    return "\t".join((entry.kind, _plain(entry.content), _plain(entry.owner), entry.path)) + "\n"


def _plain(text: str) -> str:
    return text.encode("unicode_escape").decode()


def _entry(line: str) -> Entry | None:
    kind, _, rest = line.partition("\t")
    fields = rest.split("\t")
    if kind not in _KINDS or len(fields) != 3:
        return None
    content, owner, path = fields
    return Entry(path=path, kind=cast(EntryKind, kind), content=content, owner=owner)


@contextmanager
def _new_file(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file under a name of its own, removed unless it was renamed."""
    temporary = folder / f".{os.getpid()}-{secrets.token_hex(8)}.part"
    try:
        with temporary.open("xb") as out:
            yield temporary, out
    finally:
        temporary.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    with _new_file(path.parent) as (temporary, out):
        out.write(data)
        out.close()
        temporary.replace(path)
