"""Versions of many environments at once: one tag object each, one push for all, one transaction of references.

What does not go through together is claimed alone, so the rules are those of `claim`. A kill between the push and the
references leaves tags on the remote that `remote.sync_versions` brings here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envcatalog.git.claim import VersionFacts, claim_next
from envcatalog.git.remote import push_tags
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.tag_write import create_references, make_tags
from envcatalog.git.versions import TAGS, scan
from envcatalog.model.version import Version


def claim_each(
    repository: CatalogRepository, wanted: Sequence[tuple[str, VersionFacts]], *, remote: str | None
) -> tuple[Version, ...]:
    """`claim_next` for each environment (names differ), in order.

    Raises:
        UserError: as `claim_next`; the versions that were claimed before stay.
    """
    if len(wanted) > 1:
        made = _make(repository, wanted)
        if remote is not None:
            refused = push_tags(repository, remote, made)
            made = {ref: tag for ref, tag in made.items() if ref not in refused}
        create_references(repository, made)
    known = (
        {(item.name, item.plan): item for item in _versions(repository, wanted)} if len(wanted) > 1 else {}
    )
    return tuple(
        known.get((name, facts.plan)) or claim_next(repository, name, facts, remote=remote)
        for name, facts in wanted
    )


def _make(repository: CatalogRepository, wanted: Sequence[tuple[str, VersionFacts]]) -> Mapping[str, str]:
    """Tag objects by the reference that each is for; none for a plan that has its version already."""
    numbers: dict[str, int] = {}
    plans = set()
    for version in _versions(repository, wanted):
        numbers[version.name] = max(version.number, numbers.get(version.name, 0))
        plans.add((version.name, version.plan))
    tags = [
        facts.tag(f"{name}@{numbers.get(name, 0) + 1}")
        for name, facts in wanted
        if (name, facts.plan) not in plans
    ]
    made = make_tags(repository, tags) if tags else []
    return {TAGS + tag.reference: object_id for tag, object_id in zip(tags, made, strict=True)}


def _versions(
    repository: CatalogRepository, wanted: Sequence[tuple[str, VersionFacts]]
) -> tuple[Version, ...]:
    # Of these alone: a batch must not cost what all the tags of the catalog cost.
    return scan(repository, only={name for name, _ in wanted}).versions
