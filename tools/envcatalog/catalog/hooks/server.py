"""The hooks of a bare repository: `pre-receive` refuses, `post-receive` builds and publishes.

Nothing of a push is run and no work tree is made: definitions and locks are read from Git's objects. Files that a
build needs (base images and wheels kept in the repository) are written as they are, without filters and links.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from envcatalog.catalog.building.locking import check_locks
from envcatalog.catalog.content import Content
from envcatalog.catalog.hooks.images import REGISTRY_KEY, PushedImages, registry_of
from envcatalog.catalog.hooks.tags import check_history, check_tags, is_version_tag
from envcatalog.catalog.places import SETTINGS_PATH, definition_path, lock_path
from envcatalog.catalog.policing import Newest, newest_version
from envcatalog.catalog.publishing.checking import WHERE
from envcatalog.catalog.sdk import Catalog
from envcatalog.catalog.validating import validate
from envcatalog.git.changes import changed_since
from envcatalog.git.pushed import HEADS, Push, configured, default_branch, extract, quarantine
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import Revision
from envcatalog.model.errors import UserError
from envcatalog.model.problem import Problem, Severity
from envcatalog.model.result import Published
from envcatalog.model.seams import Progress

UNFINISHED = "envcat-publish.unfinished"
CHECKS_KEY = "envcat.checks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found about one reference of a push, or what is staged (`ref` empty)."""

    ref: str
    problems: tuple[Problem, ...] = ()
    refusals: tuple[UserError, ...] = ()

    @property
    def ok(self) -> bool:
        """True when it may pass; warnings do not count."""
        return not self.refusals and all(item.severity != "error" for item in self.problems)


def check_push(
    folder: Path, pushes: Sequence[Push], environ: Mapping[str, str], *, cache: Path
) -> tuple[Verdict, ...]:
    """`pre-receive`: one verdict for each branch and each version tag about which there is something to say.

    The registry is asked about the images of version tags, and about nothing else.

    Args:
        folder: the bare repository.
        environ: Git's variables for a hook, which name the objects that the push has brought.
    """
    with CatalogRepository.open_bare(folder, keep=quarantine(environ)) as repository:
        contents: dict[str, Content] = {}

        def at(commit: str) -> Content:
            if commit not in contents:
                contents[commit] = Content(Revision(repository, commit))
            return contents[commit]

        main = default_branch(repository)
        verdicts = [
            check_content(
                at(push.new),
                ref=push.ref,
                stale="error" if push.ref == main else "warning",
                newest=newest_version(repository, at),
            )
            for push in pushes
            if push.ref.startswith(HEADS) and push.new is not None
        ]
        refused = check_history(repository, pushes)
        # Settings that are broken on the branch must not keep out the push that mends them.
        if any(is_version_tag(push.ref) for push in pushes):
            with _images(repository, at, cache) as images:
                refused += check_tags(repository, pushes, at, images=images)
        verdicts += [Verdict(ref=ref, refusals=(error,)) for ref, error in refused]
    return tuple(verdicts)


@contextmanager
def _images(
    repository: CatalogRepository, at: Callable[[str], Content], cache: Path
) -> Iterator[PushedImages | None]:
    """By the branch as it is: a push does not choose the registry that it is held against."""
    head = repository.head()
    where = registry_of(repository, at(head) if head else None)
    if where is None:
        yield None
        return
    with closing(PushedImages(where, cache)) as images:
        yield images


def check_content(content: Content, *, ref: str, stale: Severity | None, newest: Newest) -> Verdict:
    """Definitions, settings, policy and locks of one commit or tree.

    Args:
        stale: how bad a stale lock is; None to pass over it.
    """
    try:
        found = validate(content, newest=newest)
        problems = found.problems
        if found.ok and stale:
            problems += tuple(_stale(content, stale))
    except UserError as error:
        return Verdict(ref=ref, refusals=(error,))
    return Verdict(ref=ref, problems=problems)


def _stale(content: Content, severity: Severity) -> Iterator[Problem]:
    live = [name for name in content.names if not content.environment(name).archived]
    for row in check_locks(content, live):
        if row.status == "stale":
            yield Problem(
                code="lock-stale",
                severity=severity,
                message=f"the lock of `{row.environment}` does not belong to its definition",
                file=lock_path(row.environment),
                hint=f"run `envcat lock {row.environment}` and commit the lock",
            )


class PushedCatalog(Catalog):
    """A catalog at one commit of a bare repository; its root holds the files that a build may need."""

    @cached_property
    def content(self) -> Content:
        """The commit's content."""
        return self.at(self.repository.require_head())


def publish_push(
    folder: Path, pushes: Sequence[Push], *, cache: Path, progress: Progress
) -> tuple[Published, ...]:
    """`post-receive`: publish what the default branch says now, as far as it is not published.

    Pushes wait for one another, and each publishes the newest state, so an older push never moves an alias back.
    Git alone says what that is; where the last time did not end well, and on a person's call, each image and tag is
    compared with the registry.

    Args:
        pushes: nothing is done unless one is of the default branch; empty, as on a person's call, always.

    Raises:
        UserError: no registry is configured, or as `catalog.publishing.publish`.
        Refusal: as `catalog.publishing.publish`; the branch is what was pushed all the same.
    """
    with CatalogRepository.open_bare(folder) as repository:
        main = default_branch(repository)
        mine = [push for push in pushes if push.ref == main]
        if pushes and not any(push.new for push in mine):
            if repository.head() is None:  # `git init --bare` may name another branch than people push
                progress.step(f"nothing is published: HEAD names `{main}`, which has no commit")
                progress.step(
                    "if it should be another branch, run `git symbolic-ref HEAD refs/heads/BRANCH` there"
                )
            return ()
        with _alone(repository.layout.git_dir, progress):
            head = repository.head()
            if head is None:
                return ()
            before = mine[0].old if mine else None
            unfinished = repository.layout.git_dir / UNFINISHED
            everything = not pushes or unfinished.exists()
            unfinished.touch()
            with tempfile.TemporaryDirectory(prefix="envcat-push-") as scratch:
                root = Path(scratch)
                at_head = CatalogRepository.open_bare(folder, root=root, head=head)
                with PushedCatalog(at_head, cache=cache, progress=progress) as catalog:
                    rows = _publish(catalog, before, everything=everything)
            if all(row.status != "refused" for row in rows):
                unfinished.unlink()
            return rows


def _publish(catalog: PushedCatalog, before: str | None, *, everything: bool) -> tuple[Published, ...]:
    checks = configured(catalog.repository, CHECKS_KEY) or "auto"
    if checks not in WHERE:
        raise UserError(
            f"`{CHECKS_KEY}` is `{checks}`", f"it may be {', '.join(f'`{word}`' for word in WHERE)}"
        )
    names = () if everything else _to_publish(catalog, before)
    if not names and not (everything and catalog.content.names):
        return ()
    where = registry_of(catalog.repository, catalog.content)
    if where is None:
        raise UserError(
            "nothing was published: this repository does not say where to",
            f"run `git config {REGISTRY_KEY} HOST/PREFIX` in the bare repository, then "
            "`envcat hooks run post-receive`",
        )
    ours = {path for name in catalog.content.names for path in (definition_path(name), lock_path(name))}
    head = catalog.repository.require_head()
    extract(catalog.repository, head, catalog.repository.root, without=frozenset(ours | {SETTINGS_PATH}))
    return catalog.publish(names, registry=where, checks=checks)


def _to_publish(catalog: PushedCatalog, before: str | None) -> list[str]:
    """What has no version yet, and what this push changed: an alias may have moved. Git alone is asked."""
    chosen = {action.environment for action in catalog.plan() if action.action == "build"}
    if before is not None:
        chosen |= changed_since(catalog.repository, before, catalog.repository.require_head())
    return sorted(chosen & set(catalog.content.names))


@contextmanager
def _alone(git_dir: Path, progress: Progress) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # no Windows server has concurrent pushes worth more than the claim's own safety
        yield
        return
    handle = os.open(git_dir / "envcat-publish.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.step("waiting for another push to be published")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
