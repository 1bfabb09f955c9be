"""The registry's tags of a version: its number, which never moves, then the aliases and ``latest``, which do.

Registry tags have no compare-and-swap, so a publisher that is late could move ``latest`` back. It looks once more
after it has moved the tag: of two that meet, the one that looks last sees the other's number.
"""

from __future__ import annotations

from collections.abc import Sequence

from envcatalog.catalog.publishing.actions import LATEST, moving_tags
from envcatalog.catalog.publishing.facts import version_facts
from envcatalog.catalog.verify.registry import index_plan
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.image import MEDIA_INDEX
from envcatalog.model.seams import Manifest, Repository
from envcatalog.model.version import Version

VERSION_ARTIFACT = "application/vnd.envcatalog.version.v1"


def tag_version(
    repository: Repository,
    version: Version,
    *,
    known: Sequence[Version],
    aliases: Sequence[tuple[str, int]],
    source: str | None,
    index: Manifest | None = None,
) -> None:
    """Point the tags at the version. Git is not asked, since this may run on another thread.

    Args:
        known: all versions of the environment that Git knows of.
        source: the remote's address without credentials, for annotations.
        index: the image's, where it has just been pushed.

    Raises:
        Refusal: the image was made from another plan, the number's tag names another image, or an alias needs an
            image that is not in the registry.
        UserError: the registry lost the image, or cannot be reached.
    """
    facts = version_facts(version, source)
    manifest = index or repository.manifest(version.image)
    if manifest is None:
        raise UserError(
            f"the registry lost {version.image} of `{version.reference}`", "run the command again"
        )
    # Whoever may push a tag may write any digest into it, an old version's as well.
    if index is None and index_plan(manifest.data) != version.plan:
        raise Refusal(
            f"Git records {version.image[:19]} for `{version.reference}`, which was made from another plan",
            f"run `envcat verify {version.reference}`: somebody forged the tag",
        )
    number = str(version.number)
    tagged = repository.head(number)
    if tagged is None:
        repository.referrers_put(manifest, VERSION_ARTIFACT, facts)
        repository.put_manifest(manifest.data, manifest.media_type, tag=number, annotations=facts)
    elif tagged != version.image:
        raise Refusal(
            f"registry tag {number} of `{version.name}` is {tagged}, but Git recorded {version.image}",
            f"run `envcat verify {version.reference}`: somebody tagged another image",
        )
    moving = moving_tags(repository, aliases, known)
    for tag, target in sorted(moving.items()):
        pointed = manifest if target.image == version.image else repository.manifest(target.image)
        if pointed is None:
            raise Refusal(
                f"tag `{tag}` needs version {target.number}, whose image is not in the registry",
                f"check out {target.reference} and publish it",
            )
        repository.put_manifest(pointed.data, MEDIA_INDEX, tag=tag, annotations=version_facts(target, source))
    if LATEST in moving:
        _catch_up(repository, moving[LATEST].number)


def _catch_up(repository: Repository, number: int) -> None:
    """Move ``latest`` on to what others have published meanwhile."""
    while later := repository.manifest(str(number + 1)):
        number += 1
        repository.put_manifest(later.data, later.media_type, tag=LATEST)
