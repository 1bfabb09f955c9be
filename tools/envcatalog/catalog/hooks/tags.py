"""Version tags that are pushed: each must follow from the commit that it tags, and none may ever change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from envcatalog.catalog.content import Content
from envcatalog.catalog.hooks.images import PushedImages
from envcatalog.catalog.validating import validate
from envcatalog.git.image_record import IMAGES, PREFIX, parse_record
from envcatalog.git.pushed import Push, default_branch, is_ancestor
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.tag_object import TAG_LIMIT, NotAVersion, TagName, looks_like_version, parse_tag_name
from envcatalog.git.versions import TAGS, read_version, versions
from envcatalog.lock.file import lock_digest
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.problem import Problem
from envcatalog.model.version import Version

At = Callable[[str], Content]


def is_version_tag(ref: str) -> bool:
    """Whether a reference stands, or seems to stand, in the place of a version or of an image's record."""
    return ref.startswith(TAGS) and (ref.startswith(IMAGES) or looks_like_version(ref))


def check_tags(
    repository: CatalogRepository, pushes: Iterable[Push], at: At, *, images: PushedImages | None = None
) -> list[tuple[str, UserError]]:
    """(reference, why it is refused) for each version tag of a push that is.

    Args:
        pushes: the whole push; the default branch counts as it will be afterwards.
        images: what the registry holds; None where there is no registry to ask.
    """
    pushes = tuple(pushes)
    branch = default_branch(repository)
    tip = next((push.new for push in pushes if push.ref == branch), None) or repository.head()
    judge = _Judge(repository=repository, at=at, tip=tip, images=images)
    refused = []
    # Versions before the records of their images, and in the order of their numbers.
    for push in sorted((push for push in pushes if is_version_tag(push.ref)), key=_order):
        try:
            judge.check(push)
        except UserError as error:
            refused.append((push.ref, error))
    return refused


def check_history(repository: CatalogRepository, pushes: Iterable[Push]) -> list[tuple[str, UserError]]:
    """The default branch and why it is refused, if a forced push would take commits of versions off it."""
    branch = default_branch(repository)
    moved = next((push for push in pushes if push.ref == branch and push.old and push.new), None)
    if moved is None or is_ancestor(repository, str(moved.old), str(moved.new)):
        return []
    left = set(repository.processes.output("rev-list", str(moved.old), f"^{moved.new}").decode().split())
    lost = [version.reference for version in versions(repository) if version.commit in left]
    if not lost:
        return []
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    message = f"the push takes the commit of `{lost[0]}`{more} off the branch, and versions stay on it"
    return [(moved.ref, Refusal(message, "pull first, then push without `--force`"))]


def _order(push: Push) -> tuple[bool, str, int]:
    tag = parse_tag_name(push.ref.removeprefix(IMAGES).removeprefix(TAGS))
    return push.ref.startswith(IMAGES), tag.name if tag else push.ref, tag.number if tag else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """One push. `known` holds versions by name: those that are here, and those accepted so far."""

    repository: CatalogRepository
    at: At
    tip: str | None
    images: PushedImages | None
    known: dict[str, list[Version]] = field(default_factory=dict)

    def check(self, push: Push) -> None:
        shown = push.ref.removeprefix(TAGS)
        is_record = push.ref.startswith(IMAGES)
        tag = parse_tag_name(push.ref.removeprefix(IMAGES if is_record else TAGS))
        if tag is None:
            if push.new is not None:
                raise Refusal(
                    f"the tag `{shown}` is not a valid name and number", "versions are `<name>@<number>`"
                )
            return
        if push.old is not None:
            self._keep(push, tag, shown, is_record)
        elif push.new is not None and is_record:
            self._record(tag, push.new)
        elif push.new is not None:
            self._version(tag, push.new)

    def _keep(self, push: Push, tag: TagName, shown: str, is_record: bool) -> None:
        """What is no version, from a time before these hooks, may be deleted and nothing else."""
        assert push.old is not None
        sound = is_record or isinstance(read_version(self.repository, tag, push.old), Version)
        if push.new is None and not sound:
            return
        what = "deleted" if push.new is None else "moved"
        kind = "the record of an image" if is_record else "a published version"
        raise Refusal(
            f"the tag `{shown}` is {what}, and {kind} never changes", "publish a new version instead"
        )

    def _versions(self, name: str) -> list[Version]:
        if name not in self.known:
            self.known[name] = list(versions(self.repository, name))
        return self.known[name]

    def _version(self, tag: TagName, object_id: str) -> None:
        found = read_version(self.repository, tag, object_id)
        shown = f"{tag.name}@{tag.number}"
        if isinstance(found, Suspicion):
            raise Refusal(f"the tag `{shown}` {found.reason}", "versions are made by `envcat publish`")
        known = self._versions(tag.name)
        expected = max((item.number for item in known), default=0) + 1
        if tag.number != expected:
            raise Refusal(f"the tag `{shown}` is out of turn: the next version is {expected}")
        same = next((item for item in known if item.plan == found.plan), None)
        if same is not None:
            raise Refusal(f"the tag `{shown}` has the plan of `{same.reference}`")
        if self.tip is None or not is_ancestor(self.repository, found.commit, self.tip):
            raise Refusal(
                f"the tag `{shown}` is of commit `{found.commit[:12]}`, which is not on the default branch",
                "push the branch first, or merge it",
            )
        self._follows(found)
        if found.image:
            self._is_held(shown, found, found.image)
        known.append(found)

    def _follows(self, found: Version) -> None:
        """Definition and lock of the tagged commit give the plan and the lock digest that the tag claims."""
        content = self.at(found.commit)
        forged = f"the tag `{found.reference}` does not follow from its commit"
        try:
            errors = [item for item in validate(content, [found.name]).problems if _counts(item)]
            plan, lock = content.plan(found.name).digest, content.lock(found.name)
        except UserError as error:
            raise Refusal(f"{forged}: {error.message}") from error
        if errors:
            raise Refusal(f"{forged}: {errors[0].message}")
        if plan != found.plan:
            raise Refusal(f"{forged}: its plan is {found.plan[:19]}, and the commit gives {plan[:19]}")
        if lock is None or lock_digest(lock) != found.lock:
            raise Refusal(f"{forged}: its lock is {found.lock[:19]}, and the commit has another one")

    def _record(self, tag: TagName, object_id: str) -> None:
        shown = f"{PREFIX}{tag.name}@{tag.number}"
        version = next((item for item in self._versions(tag.name) if item.number == tag.number), None)
        if version is None:
            raise Refusal(f"the tag `{shown}` belongs to a version that is not here")
        if version.image:
            raise Refusal(f"the tag `{shown}` records an image that `{version.reference}` has already")
        found = self.repository.objects.read(object_id, limit=TAG_LIMIT)
        if found.kind != "tag" or found.size > TAG_LIMIT:
            raise Refusal(f"the tag `{shown}` is no annotated tag")
        try:
            record = parse_record(found.data, version)
        except NotAVersion as error:
            raise Refusal(f"the tag `{shown}` {error}") from error
        self._is_held(shown, version, record.image)

    def _is_held(self, shown: str, version: Version, image: str) -> None:
        if self.images is not None:
            self.images.check(shown, version.name, image, version.plan)


def _counts(problem: Problem) -> bool:
    """An exception of the policy that ended since the commit makes no version of it a forged one."""
    return problem.severity == "error" and problem.code != "policy-exception-over"
