"""Where base images are: open a reference, and copy a blob from there through one temporary file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from envcatalog.model.digest import DIGEST
from envcatalog.model.errors import UserError
from envcatalog.model.seams import Registry, Repository
from envcatalog.registry.reference import LayoutReference, RegistryReference, parse_image
from envcatalog.registry.retry import Retries, RetryPolicy
from envcatalog.registry.wire import BrokenOff

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """An open repository, and the tag or digest that the reference names in it."""

    repository: Repository
    reference: str


class Sources:
    """Open references; one connection pool for each host or folder. Threads may share it.

    Args:
        scratch: folder for temporary files, made when needed; None for the system's.
        root: what the folders of ``oci:DIR:REF`` are relative to.
    """

    def __init__(self, scratch: Path | None, root: Path | None = None) -> None:
        self._scratch = scratch
        self._root = root or Path()
        self._open: dict[str, Registry] = {}
        self._lock = threading.Lock()

    def locate(self, reference: str) -> Located:
        """The repository of an image.

        Raises:
            UserError: outside the grammar, or not a layout folder.
        """
        parsed = parse_image(reference)
        if isinstance(parsed, RegistryReference):
            registry = self._registry(parsed.host, parsed)
            return Located(repository=registry.repository(parsed.path), reference=parsed.reference)
        folder = str(self._root / parsed.folder)
        registry = self._registry("oci:" + folder, parsed)
        if DIGEST.match(parsed.ref):
            return Located(repository=registry.repository(""), reference=parsed.ref)
        name, _, tag = parsed.ref.rpartition(":")
        return Located(repository=registry.repository(name), reference=tag)

    def lasting(self, reference: str, digest: str) -> str:
        """A reference to `digest` in the same place, which does not depend on the current folder."""
        parsed = parse_image(reference)
        if isinstance(parsed, RegistryReference):
            return f"{parsed.host}/{parsed.path}@{digest}"
        return f"oci:{(self._root / parsed.folder).absolute()}:{digest}"

    @staticmethod
    def mount_path(reference: str, host: str | None) -> str | None:
        """``/PATH`` when the image is on that very host, so that its blobs can be mounted."""
        parsed = parse_image(reference) if host else None
        return f"/{parsed.path}" if isinstance(parsed, RegistryReference) and parsed.host == host else None

    @contextlib.contextmanager
    def copy(self, reference: str, digest: str, size: int) -> Iterator[Path]:
        """The blob in a temporary file, verified; at most `size` bytes are read.

        Raises:
            UserError: it cannot be read there, or its bytes are others.
        """
        if self._scratch is not None:
            self._scratch.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".envcatalog-copy-", dir=self._scratch)
        os.close(handle)
        path = Path(name)
        try:
            retries = Retries(RetryPolicy())
            while True:
                try:
                    found = self._fetch(reference, digest, size, path)
                    break
                except BrokenOff:
                    if not retries.again():
                        raise
            if found != digest:
                hint = "run the command again; if it stays so, the base image is damaged where it is kept"
                raise UserError(f"`{reference}` gives other bytes than blob `{digest}` has", hint)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _fetch(self, reference: str, digest: str, size: int, path: Path) -> str:
        """Write at most one byte more than `size`, and return the digest of what came."""
        located = self.locate(reference)
        state, left = hashlib.sha256(), size + 1
        with path.open("wb") as target, located.repository.open_blob(digest) as stream:
            while left and (chunk := stream.read(min(CHUNK, left))):
                state.update(chunk)
                target.write(chunk)
                left -= len(chunk)
        return f"sha256:{state.hexdigest()}"

    def close(self) -> None:
        """Close the connections."""
        for registry in self._open.values():
            registry.close()

    def _registry(self, key: str, parsed: RegistryReference | LayoutReference) -> Registry:
        from envcatalog.registry.http import HttpRegistry
        from envcatalog.registry.layout import LayoutRegistry

        scratch = self._scratch or Path(tempfile.gettempdir())
        with self._lock:
            if key not in self._open:
                if isinstance(parsed, RegistryReference):
                    self._open[key] = HttpRegistry(parsed.host, scratch=scratch)
                else:
                    self._open[key] = LayoutRegistry(key.removeprefix("oci:"), scratch=scratch)
            return self._open[key]
