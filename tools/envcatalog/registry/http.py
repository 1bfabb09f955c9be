"""A registry over HTTP.

Source: OCI distribution specification 1.1. Registries without the referrers API get the fallback tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.seams import Manifest
from envcatalog.registry.client import Client
from envcatalog.registry.errors import BlobUnknown, refusal
from envcatalog.registry.media import (
    ACCEPT,
    EMPTY,
    EMPTY_DIGEST,
    MANIFEST_LIMIT,
    SMALL_BLOB_LIMIT,
    artifact_manifest,
    media_type_of,
    read_object,
)
from envcatalog.registry.memory import Memory
from envcatalog.registry.reference import in_address
from envcatalog.registry.referrers import attach
from envcatalog.registry.retry import Retries, RetryPolicy
from envcatalog.registry.upload import push_scopes, upload_blob
from envcatalog.registry.wire import Response

PAGES = 10_000
_NEXT = re.compile(r'\s*<([^>]+)>\s*;\s*rel="?next"?\s*\Z')


class HttpRegistry:
    """A host and a prefix; no connection is made before the first request.

    Args:
        prefix: repositories are below it; may be empty.
        scratch: where large temporary files go.
        insecure: speak http to a host that is not a loopback one.
    """

    def __init__(
        self,
        host: str,
        prefix: str = "",
        *,
        scratch: Path,
        insecure: bool = False,
        policy: RetryPolicy | None = None,
    ) -> None:
        self.host = host
        self.prefix = prefix
        self.client = Client(host, insecure=insecure, policy=policy)
        self.memory = Memory(scratch=scratch, host=host, requests=self.client.requests)

    def repository(self, name: str) -> HttpRepository:
        """The repository ``PREFIX/name``."""
        return HttpRepository(self.client, name, self._path(name))

    def reference(self, name: str, tag: str) -> str:
        """``HOST/PREFIX/name:tag``."""
        return f"{self.host}/{self._path(name)}:{tag}"

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _path(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name


class HttpRepository:
    """One repository."""

    def __init__(self, client: Client, name: str, path: str) -> None:
        self._client = client
        self._name = name
        self._path = path
        self._begun: dict[str, str] = {}

    @property
    def name(self) -> str:
        """The environment's name."""
        return self._name

    def manifest(self, reference: str) -> Manifest | None:
        """By tag or digest, verified; None when there is none."""
        answer = self._get("GET", f"manifests/{in_address(reference)}", headers={"Accept": ACCEPT})
        if answer.status == 404:
            return None
        self._expect(answer, 200, f"does not give `{reference}`")
        digest = sha256_digest(answer.data)
        for told in (
            reference if ":" in reference else digest,
            answer.headers.get("docker-content-digest", digest),
        ):
            if told != digest:
                raise self._lie(told, digest)
        content_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        media_type = media_type_of(answer.data) or content_type
        return Manifest(digest=digest, media_type=media_type, data=answer.data)

    def head(self, reference: str) -> str | None:
        """Digest of what a tag or digest names now; None when there is none."""
        answer = self._get("HEAD", f"manifests/{in_address(reference)}", headers={"Accept": ACCEPT})
        if answer.status == 404:
            return None
        self._expect(answer, 200, f"does not give `{reference}`")
        digest = answer.headers.get("docker-content-digest")
        if digest is None:
            found = self.manifest(reference)
            return found.digest if found else None
        if ":" in reference and digest != reference:
            raise self._lie(reference, digest)
        return digest

    def put_manifest(
        self,
        data: bytes,
        media_type: str,
        *,
        tag: str | None = None,
        annotations: Mapping[str, str] | None = None,  # noqa: ARG002 - a registry has no place for them
    ) -> None:
        """Store under its digest and, if given, point a tag at it.

        Raises:
            BlobUnknown: the registry lacks something that the manifest names.
        """
        self._put_manifest(data, media_type, tag)

    def has_blob(self, digest: str) -> bool:
        """Whether the blob is here; a registry that lost it may still say yes."""
        answer = self._get("HEAD", f"blobs/{in_address(digest)}", follow=False)
        if answer.status == 404:
            return False
        # A redirect leads to the storage, where only GET may be signed.
        if answer.status not in (301, 302, 303, 307, 308):
            self._expect(answer, 200, f"does not say whether it has `{digest}`")
        return True

    def blob(self, digest: str) -> bytes:
        """A small blob, verified."""
        answer = self._get("GET", f"blobs/{in_address(digest)}", limit=SMALL_BLOB_LIMIT)
        self._expect(answer, 200, f"does not give blob `{digest}`")
        if sha256_digest(answer.data) != digest:
            raise self._lie(digest, sha256_digest(answer.data))
        return answer.data

    def open_blob(self, digest: str) -> AbstractContextManager[BinaryIO]:
        """A stream over the blob's stored bytes."""
        return self._client.stream(self._url(f"blobs/{in_address(digest)}"), scopes=self._pull())

    def put_blob(self, digest: str, source: Path | bytes) -> None:
        """Upload."""
        upload_blob(self._client, self._path, digest, source, begun=self._begun.pop(digest, None))

    def mount_blob(self, digest: str, repository: str) -> bool:
        """Take over a blob from another environment's repository, or from ``/PATH`` counted from the host.

        False when it must be uploaded, for whatever reason: `repository` may be gone or closed to us.
        """
        own = self._path.removesuffix(self._name)
        source = repository[1:] if repository.startswith("/") else own + repository
        query = urlencode({"mount": digest, "from": source})
        try:
            answer = self._client.request(
                "POST",
                self._url(f"blobs/uploads/?{query}"),
                scopes=push_scopes(self._path, source),
                headers={"Content-Length": "0"},
            )
        except UserError:
            return False  # the upload that follows says what is wrong, if it is not only the other repository
        location = answer.headers.get("location")
        if answer.status == 202 and location:
            self._begun[digest] = self._client.url(location, base=answer.url)
        return answer.status == 201

    def tags(self) -> tuple[str, ...]:
        """All tags, sorted; empty for a repository that does not exist."""
        found: set[str] = set()
        url = self._url("tags/list?n=1000")
        for _ in range(PAGES):
            answer = self._client.request("GET", url, scopes=self._pull())
            if answer.status == 404:
                return ()
            self._expect(answer, 200, "does not list tags")
            listed = (read_object(answer.data) or {}).get("tags")
            page = {tag for tag in listed if isinstance(tag, str)} if isinstance(listed, list) else set()
            following = _NEXT.match(answer.headers.get("link", ""))
            if following is None or page <= found:  # a page without news would lead in circles
                return tuple(sorted(found | page))
            found |= page
            url = self._client.url(following[1], base=answer.url)
        raise UserError(f"`{self._client.host}` has more than {PAGES} pages of tags")

    def referrers_put(self, subject: Manifest, artifact_type: str, annotations: Mapping[str, str]) -> str:
        """Attach an annotated, empty artifact; its digest. Doing it again changes nothing."""
        data = artifact_manifest(subject, artifact_type, annotations)
        if not self.has_blob(EMPTY_DIGEST):
            self.put_blob(EMPTY_DIGEST, EMPTY)
        answer = self._put_manifest(data, media_type_of(data) or "", None)
        if answer.headers.get("oci-subject") != subject.digest:
            attach(self, subject.digest, data, artifact_type, annotations)
        return sha256_digest(data)

    def _put_manifest(self, data: bytes, media_type: str, tag: str | None) -> Response:
        digest = sha256_digest(data)
        retries = Retries(self._client.policy)
        while True:
            answer = self._client.request(
                "PUT",
                self._url(f"manifests/{in_address(tag or digest)}"),
                scopes=push_scopes(self._path),
                headers={"Content-Type": media_type},
                body=data,
            )
            if answer.status == 201:
                break
            error = refusal(self._client, answer, f"does not take manifest `{tag or digest}`")
            if not (isinstance(error, BlobUnknown) and error.passing and retries.again()):
                raise error
        told = answer.headers.get("docker-content-digest", digest)
        if told != digest:
            raise self._lie(digest, told)
        return answer

    def _get(
        self,
        method: str,
        rest: str,
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = MANIFEST_LIMIT,
        follow: bool = True,
    ) -> Response:
        return self._client.request(
            method, self._url(rest), scopes=self._pull(), headers=headers or {}, follow=follow, limit=limit
        )

    def _url(self, rest: str) -> str:
        return self._client.url(f"/v2/{self._path}/{rest}")

    def _pull(self) -> frozenset[str]:
        return frozenset([f"repository:{self._path}:pull"])

    def _expect(self, answer: Response, status: int, what: str) -> None:
        if answer.status != status:
            raise refusal(self._client, answer, what)

    def _lie(self, wanted: str, found: str) -> UserError:
        hint = "the registry, or something before it, changes what it stores; do not trust it"
        return UserError(f"`{self._client.host}` gives `{found}` where `{wanted}` was asked for", hint)
