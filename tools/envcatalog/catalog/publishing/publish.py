"""An edit becomes a published image, in the order that cannot lose anything.

blobs -> manifest and index by digest -> claim of the version (the Git tag; pushed first where there is a remote) ->
registry tag ``N`` -> moving tags. A kill at any point leaves the old state or the new one, and the same command run
again finishes the work: what is done is read from Git and the registry, never from a note of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from envcatalog.catalog.background import Background
from envcatalog.catalog.building.published_base import find_published
from envcatalog.catalog.building.workshop import known_layers
from envcatalog.catalog.content import Content
from envcatalog.catalog.lifecycle import warn_of_actions
from envcatalog.catalog.publishing.actions import plan_actions
from envcatalog.catalog.publishing.checking import check_image, how_checked
from envcatalog.catalog.publishing.known import VersionsByName
from envcatalog.catalog.publishing.tagging import tag_version
from envcatalog.catalog.publishing.versioning import (
    claim_version,
    facts_of,
    not_reproduced,
    refuse_uncommitted,
    remote_in_step,
)
from envcatalog.git.remote import source_url
from envcatalog.model.image import MEDIA_INDEX, BuiltImage, Layer
from envcatalog.model.plan import Action, ImagePlan
from envcatalog.model.result import Published, PublishStatus
from envcatalog.model.seams import Manifest, Registry
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

# Environments. A kill costs at most so many claims, whose images are then found in the registry.
TOGETHER = 25


def publish_names(
    catalog: Catalog,
    names: Sequence[str],
    *,
    registry: str,
    checks: str,
    message: str,
    archived: bool = False,
) -> tuple[Published, ...]:
    """Publish what the current commit says, bases before children; one row for each name.

    An environment that is refused does not stop the others, except those that inherit from it.

    Args:
        archived: publish what is archived, too.

    Raises:
        UserError: no commit yet, uncommitted edits of a chosen environment, registry or remote out of reach.
        Refusal: a check failed, or a rebuilt image differs from the recorded one; nothing is published for it,
            and what was published before it stays.
    """
    commit = catalog.repository.require_head()
    refuse_uncommitted(catalog, names)
    remote = remote_in_step(catalog, names)
    content = catalog.at(commit)
    with closing(catalog.open_registry(registry)) as opened:
        versions = catalog.versions_of(names, remote=remote)
        actions = plan_actions(content, names, versions, catalog.at, opened, archived=archived)
        warn_of_actions(content, actions, versions, catalog.progress)
        run = _Run(
            catalog=catalog,
            content=content,
            commit=commit,
            registry=opened,
            remote=remote,
            source=source_url(catalog.repository, remote) if remote else None,
            checks=checks,
            message=message,
            versions=versions,
            tags=Background(inline=registry.startswith("oci:")),
        )
        catalog.workshop.published = partial(find_published, opened, versions)
        with run.tags:
            return run.publish(actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
    """An image that the registry holds by digest, and no version yet says so."""

    action: Action
    image: BuiltImage
    checks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One publish command: what is the same for all its environments."""

    catalog: Catalog
    content: Content
    commit: str
    registry: Registry
    remote: str | None
    source: str | None
    checks: str
    message: str
    versions: VersionsByName
    tags: Background
    layers: dict[tuple[str, ...], dict[str, Layer]] = field(default_factory=dict)

    def publish(self, actions: Sequence[Action]) -> tuple[Published, ...]:
        """Build and push; claim the versions of some environments at once, since a remote may be far; tag."""
        rows: dict[str, Published] = {}
        waiting: list[_Built] = []
        builds = [action.environment for action in actions if action.action == "build"]
        following = dict(pairwise(builds))
        known = {name: self._look(name) for name in builds[:1]}
        try:
            for action in actions:
                if action.action == "build":
                    if coming := following.get(action.environment):
                        known[coming] = self._look(coming)
                    waiting.append(self._build(action, known.pop(action.environment)()))
                else:
                    rows[action.environment] = self._settle(action)
                if len(waiting) == TOGETHER:
                    self._claim_all(waiting, rows)
        except Exception:
            # What was built and checked before the error is published all the same.
            self._claim_all(waiting, rows)
            raise
        self._claim_all(waiting, rows)
        return tuple(rows[action.environment] for action in actions)

    def _settle(self, action: Action) -> Published:
        """What needs no building."""
        name = action.environment
        if action.action == "refuse":
            self.catalog.progress.step(
                f"refused {name}: {action.reason}" + (f" ({action.hint})" if action.hint else "")
            )
            return Published(
                environment=name, version=None, image="", digest="", status="refused", reason=action.reason
            )
        if action.hint:
            self.catalog.progress.step(f"note: {name}: {action.hint}")
        existing = self._existing(action)
        assert existing is not None, "only a version can be skipped or tagged again"
        if action.action == "skip":
            return self._row(action, existing, "unchanged")
        self._tag_soon(existing)
        return self._row(action, existing, "retagged")

    def _existing(self, action: Action) -> Version | None:
        return next((item for item in self.versions(action.environment) if item.plan == action.plan), None)

    def _claim_all(self, waiting: list[_Built], rows: dict[str, Published]) -> None:
        """Claim the versions of what is built, and empty the list; each is tagged when it has its version."""
        built, waiting[:] = tuple(waiting), ()
        claimed = self._claim_together([item for item in built if self._existing(item.action) is None])
        for item in built:
            name = item.action.environment
            version = claimed.get(name) or self._existing(item.action)
            if version is None or not version.image:
                version = self._claim(item)
            if version.image != item.image.digest:
                raise not_reproduced(version, item.image.digest, self.content.plan(name).builder)
            index = Manifest(digest=item.image.digest, media_type=MEDIA_INDEX, data=item.image.index)
            self._tag_soon(version, index)
            rows[name] = self._row(item.action, version, "published", item.checks)

    def _claim_together(self, built: Sequence[_Built]) -> dict[str, Version]:
        if len(built) < 2:
            return {}
        from envcatalog.git.claim_many import claim_each

        wanted = [
            (
                item.action.environment,
                facts_of(
                    self.content,
                    item.action.environment,
                    commit=self.commit,
                    message=self.message,
                    image=item.image.digest,
                    checks=item.checks,
                ),
            )
            for item in built
        ]
        claimed = claim_each(self.catalog.repository, wanted, remote=self.remote)
        for version in claimed:
            self.versions.learn(version)
        return {version.name: version for version in claimed}

    def _build(self, action: Action, known: dict[str, Layer]) -> _Built:
        from envcatalog.registry.push import push_image

        name = action.environment
        repository = self.registry.repository(name)
        plan = self.content.plan(name)
        environment = self.content.environment(name)
        self.catalog.progress.step(f"building {name}: {action.reason}")
        image = self.catalog.workshop.build(self.content, plan, known)
        reports = check_image(self.catalog.workshop, environment, image, repository, self.checks)
        report = push_image(self.registry, repository, image, progress=self.catalog.progress)
        self.catalog.progress.step(
            f"pushed {name}: {report.uploaded} blobs uploaded ({report.bytes_uploaded / 1e6:.1f} MB), "
            f"{report.mounted + report.present} there already"
        )
        return _Built(action=action, image=image, checks=how_checked(reports))

    def _look(self, name: str) -> Callable[[], dict[str, Layer]]:
        """Begin to ask for what the registry holds, one environment ahead; Git and the plan are asked at once."""
        plan = self.content.plan(name)
        newest = [self.versions(ancestor.name)[-1:] for ancestor in self.content.chain(name)]
        images = [version for found in newest for version in found if version.image]
        return self.tags.start(lambda: self._known(plan, images))

    def _known(self, plan: ImagePlan, images: Sequence[Version]) -> dict[str, Layer]:
        """Layers that the registry holds: of the newest image of the environment, and of those it inherits from."""
        layers: dict[str, Layer] = {}
        for version in images:
            place = (version.image, *(item.platform for item in plan.platforms))
            if place not in self.layers:
                self.layers[place] = known_layers(self.registry.repository(version.name), version.image, plan)
            layers |= self.layers[place]
        return layers

    def _claim(self, built: _Built) -> Version:
        version = claim_version(
            self.catalog,
            self.content,
            built.action.environment,
            commit=self.commit,
            remote=self.remote,
            message=self.message,
            image=built.image.digest,
            checks=built.checks,
        )
        self.versions.learn(version)
        return version

    def _tag_soon(self, version: Version, index: Manifest | None = None) -> None:
        repository, known = self.registry.repository(version.name), self.versions(version.name)
        # The next environment need not wait for this one's tags: nothing of it depends on them.
        aliases = self.content.environment(version.name).aliases
        self.tags.run(
            lambda: tag_version(
                repository, version, known=known, aliases=aliases, source=self.source, index=index
            )
        )

    def _row(self, action: Action, version: Version, status: PublishStatus, how: str = "") -> Published:
        return Published(
            environment=action.environment,
            version=version.number,
            image=self.registry.reference(action.environment, str(version.number)),
            digest=version.image,
            status=status,
            reason=action.reason,
            checks=how,
        )
