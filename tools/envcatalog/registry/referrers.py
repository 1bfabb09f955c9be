"""The fallback for registries without the referrers API: an index under a tag made of the subject's digest.

Source: OCI distribution specification 1.1, "Referrers Tag Schema".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.image import MEDIA_INDEX
from envcatalog.model.seams import Repository
from envcatalog.registry.media import artifact_descriptor, read_object, to_json

ATTEMPTS = 5


def fallback_tag(digest: str) -> str:
    """The tag that lists what refers to `digest`."""
    return digest.replace(":", "-", 1)


def attach(
    repository: Repository, subject: str, data: bytes, artifact_type: str, annotations: Mapping[str, str]
) -> None:
    """List the artifact under the fallback tag; already listed, nothing is written.

    Tags have no compare-and-swap, so the list is read again until it holds the artifact.

    Raises:
        UserError: others overwrite the list again and again.
    """
    tag = fallback_tag(subject)
    for _ in range(ATTEMPTS):
        listed = _listed(repository, tag)
        if any(entry.get("digest") == sha256_digest(data) for entry in listed):
            return
        entries = [*listed, artifact_descriptor(data, artifact_type, annotations)]
        index = {"schemaVersion": 2, "mediaType": MEDIA_INDEX, "manifests": entries}
        repository.put_manifest(to_json(index), MEDIA_INDEX, tag=tag)
    raise UserError(
        f"the list of artifacts `{tag}` does not keep what is written to it", "run the command again"
    )


def _listed(repository: Repository, tag: str) -> list[dict[str, Any]]:
    found = repository.manifest(tag)
    listed = (read_object(found.data) or {}).get("manifests") if found else None
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
