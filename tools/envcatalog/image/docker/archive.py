"""What an engine's `save` gives: an image as one tar, read as a stream, its layers kept in files.

Sources: Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"; engines of 25 and later
add an OCI layout, whose files the same ``manifest.json`` names.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import posixpath
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from envcatalog.model.errors import Refusal, UserError

_CHUNK = 1024 * 1024
_SMALL = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedLayer:
    """An uncompressed layer in a file, and the digest of its bytes."""

    path: Path
    diff_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedImage:
    """An image that an engine saved; layers from the lowest on."""

    config: dict[str, Any]
    layers: tuple[SavedLayer, ...]


def read_archive(chunks: Iterable[bytes], folder: Path, known: frozenset[str] = frozenset()) -> SavedImage:
    """Read the stream to its end.

    Args:
        folder: empty, for the layers; the caller removes it.
        known: diff ids whose layers are not needed: their files are removed again at once.

    Raises:
        Refusal: it is not an image, or a layer is another one than the configuration names.
        UserError: the stream ends early.
    """
    reader = _Reader(folder, known)
    try:
        with tarfile.open(fileobj=_Stream(chunks), mode="r|") as archive:
            for member in archive:
                reader.take(archive, member)
    except (tarfile.ReadError, EOFError) as error:
        raise _stopped() from error
    if "manifest.json" not in reader.small:  # it comes last, and a stream may end between two files
        raise _stopped()
    return reader.image()


def _stopped() -> UserError:
    return UserError("the engine stopped while it gave the image", "run the command again")


class _Reader:
    def __init__(self, folder: Path, known: frozenset[str]) -> None:
        self.folder = folder
        self.known = known
        self.small: dict[str, bytes] = {}
        self.layers: dict[str, SavedLayer] = {}
        self.links: dict[str, str] = {}

    def take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = posixpath.normpath(member.name)
        if member.issym() or member.islnk():
            place = posixpath.dirname(name) if member.issym() else ""
            self.links[name] = posixpath.normpath(posixpath.join(place, member.linkname))
            return
        stream = archive.extractfile(member) if member.isreg() else None
        if stream is None:
            return
        if name.endswith(".json") or name == "repositories":
            self.small[name] = stream.read(_SMALL)
        elif name.endswith((".tar", "/layer")) or name.startswith("blobs/"):
            self._layer(name, stream)

    def _layer(self, name: str, stream: IO[bytes]) -> None:
        first = stream.read(_CHUNK)
        if name.startswith("blobs/") and first[:1] == b"{":  # an OCI layout's configuration or manifest
            self.small[name] = first + stream.read(_SMALL)
            return
        path = self.folder / f"{len(self.layers)}.tar"
        digest = hashlib.sha256()
        with path.open("xb") as file:
            for chunk in _plain(first, stream):
                digest.update(chunk)
                file.write(chunk)
        layer = SavedLayer(path=path, diff_id="sha256:" + digest.hexdigest())
        if layer.diff_id in self.known:
            path.unlink()
        self.layers[name] = layer

    def image(self) -> SavedImage:
        try:
            manifest = json.loads(self.small["manifest.json"])[0]
            config = json.loads(self.small[posixpath.normpath(manifest["Config"])])
            names = [posixpath.normpath(name) for name in manifest["Layers"] or ()]
            layers = tuple(self.layers[self.links.get(name, name)] for name in names)
            wanted = list(config["rootfs"].get("diff_ids") or ())
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise Refusal("the engine gave an image that cannot be read") from error
        if [layer.diff_id for layer in layers] != wanted:
            raise Refusal("the engine gave other layers than the image's configuration names")
        return SavedImage(config=config, layers=layers)


def _plain(first: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    if first[:2] == b"\x1f\x8b":
        joined = io.BufferedReader(_Stream(_rest(first, stream)))
        with gzip.GzipFile(fileobj=joined) as unpacked:
            while chunk := unpacked.read(_CHUNK):
                yield chunk
        return
    yield from _rest(first, stream)


def _rest(first: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    yield first
    while chunk := stream.read(_CHUNK):
        yield chunk


class _Stream(io.RawIOBase):
    """Chunks of any size as a file to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes, fewer at the end alone."""
        parts, wanted = [], size
        while wanted > 0 or size < 0:
            if not self._left:
                self._left = next(self._chunks, b"")
                if not self._left:
                    break
            taken = self._left if size < 0 else self._left[:wanted]
            self._left = self._left[len(taken) :]
            wanted -= len(taken)
            parts.append(taken)
        return b"".join(parts)

    def readinto(self, buffer: Any) -> int:
        """See `read`."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
