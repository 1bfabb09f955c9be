"""What `register` and `publish` share: when a commit may become a version, and the one way that it does.

A version is a plan at a commit. `claim_version` gives it the next number, or the number that the same plan has
already, so edits of metadata and commands run twice make none. `register` claims without an image; `publish` of
such a version builds it and records its digest once (`git.image_record`), since a tag never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.catalog.places import SETTINGS_PATH
from envcatalog.git.changes import changed_paths
from envcatalog.git.claim import VersionFacts, claim_next, push_version, record_image
from envcatalog.git.image_record import IMAGES
from envcatalog.git.remote import SyncReport, default_remote, sync_versions
from envcatalog.git.versions import TAGS, versions
from envcatalog.lock.file import lock_digest
from envcatalog.model.environment import BuilderName
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def remote_in_step(catalog: Catalog, names: Sequence[str]) -> str | None:
    """The remote that decides on numbers, once it and this clone know the same versions; None for no remote.

    What is new there is fetched, and a version that was made here before there was a remote is given to it.

    Raises:
        Refusal: a version's tag is another one there.
        UserError: the remote cannot be reached or refuses.
    """
    repository = catalog.repository
    remote = default_remote(repository)
    if remote is None:
        return None
    report = sync_versions(repository, remote, names)
    if report.differing:
        found = report.differing[0]
        raise Refusal(
            f"the tag `{found.where.removeprefix('refs/tags/')}` {found.reason}",
            "a version never changes: run `envcat verify`, and find out who moved the tag",
        )
    if report.unpushed:
        _give(catalog, remote, names, report)
    return remote


def refuse_uncommitted(catalog: Catalog, names: Iterable[str]) -> None:
    """Refusal where the settings or a chosen environment hold what the current commit does not."""
    paths = changed_paths(catalog.repository, "catalog")
    changed = sorted({path.split("/")[1] for path in paths if path.count("/") > 1} & set(names))
    if SETTINGS_PATH in paths:
        changed.insert(0, SETTINGS_PATH)
    if changed:
        listed = ", ".join(f"`{name}`" for name in changed[:5]) + (" ..." if len(changed) > 5 else "")
        raise Refusal(
            f"{listed} {'has' if len(changed) == 1 else 'have'} uncommitted changes, and a version is a commit",
            "run `git add catalog` and `git commit`, then publish",
        )


def claim_version(
    catalog: Catalog,
    content: Content,
    name: str,
    *,
    commit: str,
    remote: str | None,
    message: str,
    image: str = "",
    checks: str = "",
) -> Version:
    """The version of an environment's plan at a commit: the one that exists, or the next number.

    Args:
        image: digest; empty to register a version without one. A version that exists without one gets it.

    Raises:
        UserError, Refusal: as `git.claim.claim_next` and `git.claim.record_image`.
    """
    facts = facts_of(content, name, commit=commit, message=message, image=image, checks=checks)
    version = claim_next(catalog.repository, name, facts, remote=remote)
    if not image or version.image == image:
        return version
    if version.image:
        raise not_reproduced(version, image, content.plan(name).builder)
    return record_image(catalog.repository, version, image=image, checks=checks, remote=remote)


def facts_of(
    content: Content, name: str, *, commit: str, message: str, image: str = "", checks: str = ""
) -> VersionFacts:
    """What the version of an environment's plan at a commit will record; UserError where there is no lock."""
    lock = content.lock(name)
    if lock is None:
        raise UserError(f"`{name}` has no lock", f"run `envcat lock {name}`")
    return VersionFacts(
        commit=commit,
        plan=content.plan(name).digest,
        image=image,
        lock=lock_digest(lock),
        checks=checks,
        message=message,
    )


def not_reproduced(version: Version, image: str, builder: BuilderName = "embedded") -> Refusal:
    """The image of a version was recorded, and building it again gives another one."""
    message = f"`{version.reference}` was {version.image}, but building it again gives {image}"
    if builder == "docker":
        return Refusal(
            message,
            "a Docker Engine's images are not reproducible by promise: push the image again from where it still is, or "
            "change the Dockerfile to make another version",
        )
    return Refusal(
        message,
        "the recorded image is not reproduced: look for an edited lock, or another release of envcat",
    )


def _give(catalog: Catalog, remote: str, names: Sequence[str], report: SyncReport) -> None:
    repository = catalog.repository
    for name in names:
        for version in versions(repository, name):
            if TAGS + version.reference in report.unpushed:
                catalog.progress.step(f"giving {version.reference} to {remote}, which does not have it")
                push_version(repository, version, remote)
            if IMAGES + version.reference in report.unpushed:
                record_image(repository, version, image=version.image, checks=version.checks, remote=remote)
