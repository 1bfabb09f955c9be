"""The seams between rooms: what a builder needs of a source of artefacts and of a registry."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from envcatalog.model.lock import Artefact


class Artefacts(Protocol):
    """Where the files named by a lock come from."""

    def prefetch(self, artefacts: tuple[Artefact, ...]) -> None:
        """Start to fetch these together (one look-up of addresses, parallel downloads); returns when all are here.

        Raises:
            Refusal: a file is in none of the configured places, or its bytes differ from the lock.
        """

    def path(self, artefact: Artefact) -> Path:
        """The verified local file, fetched if need be. Same errors as `prefetch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest or index as a registry holds it."""

    digest: str
    media_type: str
    data: bytes


class Repository(Protocol):
    """One repository (one environment) of a registry or OCI layout.

    Every method raises UserError when the registry cannot be reached or refuses.
    """

    @property
    def name(self) -> str:
        """The environment's name."""

    def manifest(self, reference: str) -> Manifest | None:
        """By tag or digest; None when there is none. A digest is verified against the bytes."""

    def head(self, reference: str) -> str | None:
        """Digest of what a tag or digest names now, without its bytes; None when there is none."""

    def put_manifest(
        self,
        data: bytes,
        media_type: str,
        *,
        tag: str | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Store under its digest and, if given, point a tag at it.

        `annotations` go on the descriptor in an OCI layout's ``index.json``; a registry has no place for them.
        """

    def has_blob(self, digest: str) -> bool:
        """Whether the blob is here."""

    def blob(self, digest: str) -> bytes:
        """A small blob (configuration), verified. At most 8 MiB."""

    def open_blob(self, digest: str) -> AbstractContextManager[BinaryIO]:
        """A stream over the blob's stored bytes; verified by the reader."""

    def put_blob(self, digest: str, source: Path | bytes) -> None:
        """Upload."""

    def mount_blob(self, digest: str, repository: str) -> bool:
        """Take over a blob from another repository of the same registry; False when it must be uploaded."""

    def tags(self) -> tuple[str, ...]:
        """All tags, sorted; empty for a repository that does not exist."""

    def referrers_put(self, subject: Manifest, artifact_type: str, annotations: Mapping[str, str]) -> str:
        """Attach an annotated, empty artifact to a manifest (OCI referrers, with the fallback tag); its digest."""


class Registry(Protocol):
    """A registry with a prefix, or an OCI layout folder."""

    def repository(self, name: str) -> Repository:
        """The repository of one environment."""

    def reference(self, name: str, tag: str) -> str:
        """What a user passes to docker or skopeo: ``HOST/PREFIX/name:tag`` or ``oci:DIR:name:tag``."""

    def close(self) -> None:
        """Give back connections and locks."""


class Progress(Protocol):
    """Where long work says what it does: plain lines or a terminal's live display."""

    def step(self, text: str) -> None:
        """One line about what is being done now."""

    def bar(self, title: str, total: int | None) -> AbstractContextManager[Bar]:
        """A bar in bytes; total None when unknown."""


class Bar(Protocol):
    """A running bar."""

    def advance(self, count: int) -> None:
        """More bytes are done."""


class Silent:
    """A Progress that says nothing."""

    def step(self, text: str) -> None:
        """Nothing."""

    def bar(self, title: str, total: int | None) -> AbstractContextManager[Bar]:  # noqa: ARG002
        """Nothing."""
        from contextlib import nullcontext

        return nullcontext(_SilentBar())


class _SilentBar:
    def advance(self, count: int) -> None:
        """Nothing."""
