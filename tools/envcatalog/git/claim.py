"""Claiming a version: the one moment that decides who gets a number.

With a remote, the remote decides (its refusal of an existing tag), and the reference here is only a copy
made after it; without one, the creation of the reference here decides. A process killed anywhere leaves
nothing or a version: before the push, an object that nothing names and Git collects; after it, a tag that
`remote.sync_versions` brings here when the same command runs again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from envcatalog.git.image_record import IMAGES, PREFIX
from envcatalog.git.remote import offer_tag
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.tag_object import TagName, parse_tag_name
from envcatalog.git.tag_write import NewTag, create_reference, make_tag
from envcatalog.git.versions import TAGS, image_ids, read_version, scan, tag_ids, versions
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.names import is_name
from envcatalog.model.version import Version

Step = Literal["made", "pushed", "created"]


class VersionTaken(Refusal):
    """Another version has the number; `existing` is it."""

    def __init__(self, existing: Version) -> None:
        super().__init__(f"version `{existing.reference}` exists already")
        self.existing = existing


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """What a version's tag records.

    Attributes:
        commit: full id of the commit to tag.
        plan, image, lock: digests in the OCI spelling; `image` empty for a version without one.
        checks: as `model.version.Version.checks`.
        message: the user's own words, may be empty.
    """

    commit: str
    plan: str
    image: str
    lock: str
    checks: str
    message: str = ""

    def tag(self, reference: str) -> NewTag:
        """The tag of the version."""
        trailers = {"Plan": self.plan, "Image": self.image, "Lock": self.lock, "Checks": self.checks}
        return NewTag(reference=reference, target=self.commit, text=self.message, trailers=trailers)


def claim(
    repository: CatalogRepository,
    name: str,
    number: int,
    facts: VersionFacts,
    *,
    remote: str | None,
    after: Callable[[Step], None] = lambda _: None,
) -> Version:
    """Make version `name@number`, here and on the remote.

    Args:
        remote: a configured remote's name, or None to decide here alone.
        after: called after each step, for tests of what a kill leaves.

    Raises:
        VersionTaken: the number is another version's.
        UserError: the number's place is taken by something that is no version; the tag cannot be made,
            signed or pushed; the tags here and on the remote differ.
    """
    tag = _tag_name(name, number)
    reference = f"{name}@{number}"
    ref = TAGS + reference
    present = tag_ids(repository, name).get(ref)
    if present is not None:
        raise _taken(repository, tag, present)
    made = make_tag(repository, facts.tag(reference))
    after("made")
    if remote is not None:
        _push(repository, remote, tag, made)
        after("pushed")
    if not create_reference(repository, ref, made):
        _settle(repository, tag, made, remote)
    after("created")
    return _as_version(read_version(repository, tag, made))


def claim_next(
    repository: CatalogRepository,
    name: str,
    facts: VersionFacts,
    *,
    remote: str | None,
    after: Callable[[Step], None] = lambda _: None,
) -> Version:
    """The version with this plan: the one that exists, or the next number.

    Processes that claim the same plan at once get one version, others consecutive ones. Does not look at the
    remote first: `remote.sync_versions` does, once for all environments.

    Raises:
        UserError: as `claim`.
    """
    known = versions(repository, name)
    while True:
        existing = next((version for version in known if version.plan == facts.plan), None)
        if existing is not None:
            return existing
        number = max((version.number for version in known), default=0) + 1
        try:
            return claim(repository, name, number, facts, remote=remote, after=after)
        except VersionTaken:
            known = versions(repository, name)


def record_image(
    repository: CatalogRepository,
    version: Version,
    *,
    image: str,
    checks: str,
    remote: str | None,
    after: Callable[[Step], None] = lambda _: None,
) -> Version:
    """The version with its image, which is recorded here and on the remote once and for all (`image_record`).

    Processes that record at once agree: the image of a plan is the same for all of them.

    Raises:
        Refusal: another image is recorded.
        UserError: as `claim`.
    """
    reference = PREFIX + version.reference
    ref = TAGS + reference
    made = image_ids(repository, version.name).get(version.reference)
    if made is None:
        trailers = {"Plan": version.plan, "Image": image, "Checks": checks}
        made = make_tag(repository, NewTag(reference=reference, target=version.tag, trailers=trailers))
    after("made")
    if remote is not None:
        made = offer_tag(repository, remote, ref, made)
        after("pushed")
    create_reference(repository, ref, made)
    after("created")
    if remote is not None and (here := image_ids(repository, version.name)[version.reference]) != made:
        raise _differs(reference, here, made, remote)
    found = _with_image(repository, version)
    if found.image != image:
        raise Refusal(
            f"the image of `{version.reference}` is recorded as {found.image}, but building gives {image}",
            "the recorded image is not reproduced: look for an edited lock, or another release of envcat",
        )
    return found


def push_version(repository: CatalogRepository, version: Version, remote: str) -> None:
    """Give the remote a version that is only here (made before there was a remote).

    Raises:
        VersionTaken: the remote has another version of that number.
        UserError: it refuses for another reason.
    """
    _push(repository, remote, _tag_name(version.name, version.number), version.tag)


def _push(repository: CatalogRepository, remote: str, tag: TagName, object_id: str) -> None:
    there = offer_tag(repository, remote, f"{TAGS}{tag.name}@{tag.number}", object_id)
    if there != object_id:
        raise _taken(repository, tag, there)


def _settle(repository: CatalogRepository, tag: TagName, made: str, remote: str | None) -> None:
    """The reference was there when it was to be created."""
    present = tag_ids(repository, tag.name).get(f"{TAGS}{tag.name}@{tag.number}", "")
    if present == made:
        return
    if remote is None:
        raise _taken(repository, tag, present)
    raise _differs(f"{tag.name}@{tag.number}", present, made, remote)


def _differs(reference: str, here: str, there: str, remote: str) -> UserError:
    return UserError(
        f"the tag `{reference}` is `{here[:12]}` here but `{there[:12]}` on `{remote}`",
        f"look at both, then delete the one here: `git tag -d {reference}`",
    )


def _with_image(repository: CatalogRepository, version: Version) -> Version:
    scanned = scan(repository, version.name)
    for suspicion in scanned.suspicious:
        if suspicion.where == IMAGES + version.reference:
            raise UserError(
                f"the tag `{PREFIX}{version.reference}` is in the way: it {suspicion.reason}",
                f"look at `git show {PREFIX}{version.reference}`, then delete it",
            )
    return next(item for item in scanned.versions if item.tag == version.tag)


def _taken(repository: CatalogRepository, tag: TagName, object_id: str) -> UserError:
    found = read_version(repository, tag, object_id)
    if isinstance(found, Version):
        return VersionTaken(found)
    return UserError(
        f"the tag `{tag.name}@{tag.number}` is in the way: it {found.reason}",
        f"look at `git show {tag.name}@{tag.number}`, then delete it",
    )


def _as_version(found: Version | Suspicion) -> Version:
    assert isinstance(found, Version), found
    return found


def _tag_name(name: str, number: int) -> TagName:
    tag = parse_tag_name(f"{name}@{number}")
    if tag is None or not is_name(name):
        raise ValueError(f"not a version: {name!r}, {number!r}")
    return tag
