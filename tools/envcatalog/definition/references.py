"""References to images: ``HOST[:PORT]/PATH[:TAG][@DIGEST]`` and ``oci:DIR:TAG``.

Sources: OCI distribution specification, "Pulling manifests"; the reference grammar of containerd and Docker.
"""

from __future__ import annotations

import re

_HOST = (
    r"(?:localhost|[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)+|[a-z0-9-]+(?=:))(?::[0-9]{1,5})?"
)
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_IMAGE = re.compile(
    rf"(?P<host>{_HOST})/(?P<path>{_PART}(?:/{_PART})*)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?\Z"
)
_LOCAL = re.compile(
    rf"oci:(?P<folder>[A-Za-z0-9._+@-]+(?:/[A-Za-z0-9._+@-]+)*):(?P<ref>{_TAG}(?:[:/]{_TAG})*|@{_DIGEST})\Z"
)


def image_error(reference: str) -> tuple[str, str] | None:
    """What is wrong with an image reference and what to do, or None."""
    if reference.startswith("oci:"):
        return _local_error(reference)
    match = _IMAGE.match(reference)
    if match is None:
        if re.match(rf"{_PART}(?:/{_PART})*(?::{_TAG})?(?:@{_DIGEST})?\Z", reference):
            return "names no registry", "write `HOST/PATH:TAG` with the registry's full host name"
        return "is not an image reference", "write `HOST[:PORT]/PATH:TAG` in lower case, or `oci:DIR:TAG`"
    if not match["tag"] and not match["digest"]:
        return "names no tag", f"write `{reference}:TAG`"
    return None


def _local_error(reference: str) -> tuple[str, str] | None:
    match = _LOCAL.match(reference)
    if match is None:
        folder = reference.removeprefix("oci:").split(":")[0]
        if folder.startswith("/"):
            return (
                "is an absolute path",
                "keep the OCI layout in the repository and write its relative folder",
            )
        return "is not an OCI layout reference", "write `oci:DIR:TAG` with a folder of the repository"
    if any(part in (".", "..") for part in match["folder"].split("/")):
        return "leaves its folder", "write the path from the repository's root, without `.` and `..`"
    return None
