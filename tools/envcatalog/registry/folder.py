"""An OCI layout folder on the disk: blobs, and the list of entries in ``index.json``.

Blobs are on the disk before anything names them, so a kill at any point leaves the old state or the new one.
Nothing that somebody else put into the folder's place is ever overwritten.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from envcatalog.model.digest import DIGEST, sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.image import MEDIA_INDEX
from envcatalog.registry import files
from envcatalog.registry.media import MANIFEST_LIMIT, read_object, to_json

LAYOUT_VERSION = "1.0.0"
LOCK = ".envcatalog.lock"
OURS = ".envcatalog"
DAY = 86_400.0

Entry = dict[str, Any]


class LayoutFolder:
    """The folder. It is made by the first write, never by reading.

    Args:
        where: as the user gave it, which messages repeat.

    Raises:
        UserError: something else is in the folder's place.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.path = Path(where)
        self._blobs = self.path / "blobs" / "sha256"
        self._seen: tuple[tuple[int, int, int], tuple[Entry, ...]] | None = None
        self._ready = False
        self._check()

    def _check(self) -> None:
        try:
            names = {path.name for path in self.path.iterdir()}
        except FileNotFoundError:
            return
        except NotADirectoryError:
            raise UserError(
                f"`{self.where}` is a file, not an OCI layout folder", "choose another folder"
            ) from None
        except OSError as error:
            raise UserError(f"`{self.where}` cannot be read: {reason(error)}") from None
        if "oci-layout" in names:
            self._check_version()
        elif any(not name.startswith(OURS) for name in names):
            hint = "choose an empty folder, or one that does not exist yet"
            raise UserError(
                f"`{self.where}` holds other files and no `oci-layout`, so nothing is written to it", hint
            )

    def _check_version(self) -> None:
        document = read_object(self._read(self.path / "oci-layout", MANIFEST_LIMIT) or b"")
        version = document.get("imageLayoutVersion") if document else None
        if not isinstance(version, str) or not version.startswith("1."):
            message = f"`{self.where}` is an OCI layout of version `{version}`, and only version 1 is known"
            raise UserError(message, "choose another folder")

    # Reading

    def entries(self) -> tuple[Entry, ...]:
        """The descriptors of ``index.json``, read again only when the file is another one."""
        path = self.path / "index.json"
        try:
            stat = path.stat()
        except OSError:
            return ()
        signature = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if self._seen is None or self._seen[0] != signature:
            self._seen = (signature, self._load(path))
        return self._seen[1]

    def _load(self, path: Path) -> tuple[Entry, ...]:
        document = read_object(self._read(path, None) or b"")
        manifests = document.get("manifests") if document else None
        if not isinstance(manifests, list) or not all(_is_descriptor(entry) for entry in manifests):
            raise UserError(
                f"`{path}` is not an OCI image index", "restore the file, or choose another folder"
            )
        return tuple(manifests)

    def blob_path(self, digest: str) -> Path:
        """Where the blob is or would be.

        Raises:
            UserError: not a SHA-256 digest, so no path is made of it.
        """
        if DIGEST.match(digest) is None:
            raise UserError(f"`{digest}` is not a SHA-256 digest")
        return self._blobs / digest.removeprefix("sha256:")

    def read_blob(self, digest: str, limit: int) -> bytes | None:
        """The verified bytes; None when absent or larger than `limit` bytes."""
        data = self._read(self.blob_path(digest), limit)
        if data is not None and sha256_digest(data) != digest:
            path = self.blob_path(digest)
            raise UserError(
                f"`{path}` is damaged: its bytes have another digest", f"remove `{path}` and publish again"
            )
        return data

    def _read(self, path: Path, limit: int | None) -> bytes | None:
        try:
            if limit is not None and path.stat().st_size > limit:
                return None
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UserError(f"`{path}` cannot be read: {reason(error)}") from None

    # Writing

    def write_blob(self, digest: str, source: Path | bytes) -> None:
        """Store the blob unless it is here.

        Raises:
            UserError: the bytes have another digest, or the folder cannot be written.
        """
        path = self.blob_path(digest)
        if path.exists():
            return
        if isinstance(source, Path) and not source.is_file():
            raise UserError(f"`{source}` is gone, so it cannot be published", "run the command again")
        with self._writing():
            files.write_whole(path, source, digest=digest)

    def change(self, update: Callable[[list[Entry]], None]) -> None:
        """Change the entries of ``index.json`` under the lock; the file is replaced only when they differ."""
        with self._writing(), files.exclusive(self.path / LOCK):
            files.sync_folder(self._blobs)
            before = self.entries()
            after = list(before)
            update(after)
            if tuple(after) != before:
                self._write_index(after)

    def _write_index(self, entries: list[Entry]) -> None:
        document = {"schemaVersion": 2, "mediaType": MEDIA_INDEX, "manifests": entries}
        files.write_whole(self.path / "index.json", to_json(document))
        files.sync_folder(self.path)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            if not self._ready:
                self._make()
            yield
        except OSError as error:
            hint = "choose a folder that you may write, with `--registry oci:DIR`"
            raise UserError(f"`{self.where}` cannot be written: {reason(error)}", hint) from None

    def _make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        with files.exclusive(self.path / LOCK):
            self._check()
            if not (self.path / "oci-layout").exists():
                files.write_whole(self.path / "oci-layout", to_json({"imageLayoutVersion": LAYOUT_VERSION}))
            self._blobs.mkdir(parents=True, exist_ok=True)
            if not (self.path / "index.json").exists():
                self._write_index([])
            files.sweep(self._blobs, older=DAY)
        self._ready = True


def _is_descriptor(entry: object) -> bool:
    digest = entry.get("digest") if isinstance(entry, dict) else None
    return isinstance(digest, str) and DIGEST.match(digest) is not None


def reason(error: OSError) -> str:
    """What the system said, in the middle of a sentence."""
    return (error.strerror or str(error)).lower()
