"""The image of a version that was registered without one: an annotated tag ``images/<name>@<N>``.

A version's tag never changes, so an image that is built later cannot be written into it. Its digest stands in a
second tag, made once by the first publisher, decided by the remote in the same way, and as little changed
afterwards. It tags the version's own tag object, so it belongs to that object and to no other of the same name,
and repeats its plan. The slash keeps it apart from versions: no environment's name has one.

A version whose own tag has the trailer ``Image:`` has no such record, and one that is there is not followed.
"""

from __future__ import annotations

from dataclasses import dataclass

from envcatalog.git.tag_object import NotAVersion, parse_headers, parse_trailers
from envcatalog.model.version import Version

PREFIX = "images/"
IMAGES = f"refs/tags/{PREFIX}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """What the record adds to a version: see `model.version.Version`."""

    image: str
    checks: str


def parse_record(data: bytes, version: Version) -> ImageRecord:
    """The record that the bytes of a tag object hold.

    Raises:
        NotAVersion: it was made for another name, another tag object or another plan, or is malformed.
    """
    headers, paragraphs = parse_headers(data, PREFIX + version.reference)
    if headers.get("type") != "tag" or headers.get("object") != version.tag:
        raise NotAVersion(f"was not made for the tag `{version.reference}` that is here", "renamed")
    trailers = parse_trailers(paragraphs[-1], required=("Plan", "Image"))
    if trailers["Plan"] != version.plan:
        raise NotAVersion(f"has another plan than `{version.reference}`")
    return ImageRecord(image=trailers["Image"], checks=trailers.get("Checks", ""))
