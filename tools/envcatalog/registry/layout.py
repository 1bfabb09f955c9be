"""One OCI layout folder that all environments share.

Source: OCI image specification 1.1, "Image Layout Specification". A tag is an entry of ``index.json`` whose
``org.opencontainers.image.ref.name`` is ``name:tag``. A manifest without a tag is only a blob.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.seams import Manifest
from envcatalog.registry.folder import Entry, LayoutFolder, reason
from envcatalog.registry.media import (
    EMPTY,
    EMPTY_DIGEST,
    MANIFEST_LIMIT,
    SMALL_BLOB_LIMIT,
    artifact_descriptor,
    artifact_manifest,
    descriptor,
    media_type_of,
)
from envcatalog.registry.memory import Memory

REF_NAME = "org.opencontainers.image.ref.name"


class LayoutRegistry:
    """The folder as a registry.

    Args:
        where: the folder as the user gave it, relative to the current one.
        scratch: where large temporary files go.

    Raises:
        UserError: something else is in the folder's place.
    """

    def __init__(self, where: str, *, scratch: Path) -> None:
        self.folder = LayoutFolder(where)
        self.memory = Memory(scratch=scratch)

    def repository(self, name: str) -> LayoutRepository:
        """The tags of one environment; the blobs are everybody's."""
        return LayoutRepository(self.folder, name)

    def reference(self, name: str, tag: str) -> str:
        """``oci:DIR:name:tag``."""
        return f"oci:{self.folder.where}:{name}:{tag}"

    def close(self) -> None:
        """Nothing is held between calls."""


class LayoutRepository:
    """One environment's tags in the folder."""

    def __init__(self, folder: LayoutFolder, name: str) -> None:
        self._folder = folder
        self._name = name

    @property
    def name(self) -> str:
        """The environment's name."""
        return self._name

    def manifest(self, reference: str) -> Manifest | None:
        """By tag or digest; None when there is none."""
        digest = self._digest(reference)
        data = self._folder.read_blob(digest, MANIFEST_LIMIT) if digest else None
        media_type = media_type_of(data) if data is not None else None
        if digest is None or data is None or media_type is None:
            return None
        return Manifest(digest=digest, media_type=media_type, data=data)

    def head(self, reference: str) -> str | None:
        """Digest of what a tag or digest names; None when there is none, or when its bytes are gone."""
        digest = self._digest(reference)
        return digest if digest and self._folder.blob_path(digest).exists() else None

    def put_manifest(
        self,
        data: bytes,
        media_type: str,
        *,
        tag: str | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Store under its digest and, if given, point a tag at it; annotations need a tag."""
        digest = sha256_digest(data)
        self._folder.write_blob(digest, data)
        if tag is None:
            return
        told = {**(annotations or {}), REF_NAME: f"{self._name}:{tag}"}
        entry = descriptor(data, media_type) | {"annotations": dict(sorted(told.items()))}
        self._folder.change(lambda entries: _point(entries, entry))

    def has_blob(self, digest: str) -> bool:
        """Whether the blob is here."""
        return self._folder.blob_path(digest).exists()

    def blob(self, digest: str) -> bytes:
        """A small blob, verified."""
        data = self._folder.read_blob(digest, SMALL_BLOB_LIMIT)
        if data is None:
            raise UserError(f"`{self._folder.where}` has no small blob `{digest}`", "publish the image again")
        return data

    def open_blob(self, digest: str) -> AbstractContextManager[BinaryIO]:
        """A stream over the blob's stored bytes."""
        try:
            return self._folder.blob_path(digest).open("rb")
        except OSError as error:
            message = f"blob `{digest}` cannot be read from `{self._folder.where}`: {reason(error)}"
            raise UserError(message) from None

    def put_blob(self, digest: str, source: Path | bytes) -> None:
        """Copy into the folder, verified."""
        self._folder.write_blob(digest, source)

    def mount_blob(self, digest: str, repository: str) -> bool:  # noqa: ARG002
        """All environments share the blobs, so what one has, all have."""
        return self.has_blob(digest)

    def tags(self) -> tuple[str, ...]:
        """All tags, sorted."""
        prefix = self._name + ":"
        names = (_ref_name(entry) for entry in self._folder.entries())
        return tuple(sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix)))

    def referrers_put(self, subject: Manifest, artifact_type: str, annotations: Mapping[str, str]) -> str:
        """Attach an annotated, empty artifact; ``index.json`` lists it, as OCI 1.1 layouts do; its digest."""
        data = artifact_manifest(subject, artifact_type, annotations)
        self._folder.write_blob(EMPTY_DIGEST, EMPTY)
        self._folder.write_blob(sha256_digest(data), data)
        entry = artifact_descriptor(data, artifact_type, annotations)
        self._folder.change(lambda entries: _list_once(entries, entry))
        return sha256_digest(data)

    def _digest(self, reference: str) -> str | None:
        if ":" in reference:
            return reference
        wanted = f"{self._name}:{reference}" if self._name else reference
        for entry in self._folder.entries():
            if _ref_name(entry) == wanted:
                return str(entry["digest"])
        return None


def _point(entries: list[Entry], entry: Entry) -> None:
    """Put the entry in the place of the one with its tag, or at the end."""
    wanted = _ref_name(entry)
    for position, old in enumerate(entries):
        if _ref_name(old) == wanted:
            entries[position] = entry
            return
    entries.append(entry)


def _list_once(entries: list[Entry], entry: Entry) -> None:
    if all(old["digest"] != entry["digest"] for old in entries):
        entries.append(entry)


def _ref_name(entry: Entry) -> str:
    annotations = entry.get("annotations")
    name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return name if isinstance(name, str) else ""
