"""Where the commits of `update` go: branches here, branches of the remote, pull requests.

A branch that holds anybody else's commit is never moved: people may add to an update.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from envcatalog.catalog.history.reference import worktree_names
from envcatalog.catalog.lifecycle import without_archived
from envcatalog.catalog.places import lock_path
from envcatalog.catalog.update.message import is_ours
from envcatalog.catalog.update.updating import Drafted, Request, draft_updates
from envcatalog.git.branch import (
    Tip,
    branch_tip,
    is_ancestor,
    push_branch,
    remote_tip,
    set_branch,
    write_commit,
)
from envcatalog.git.history import paths_since
from envcatalog.git.remote import default_remote
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.update import NotUpdated, Update, Updates

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

Open = Callable[[Update], str]


def update_locks(
    catalog: Catalog,
    request: Request,
    *,
    check: bool = False,
    push: bool = False,
    open_one: Open | None = None,
) -> Updates:
    """Make locks newer, each change in one commit on a branch of its own.

    Args:
        check: write nothing.
        push: also to the remote's branches of the same names.
        open_one: opens the pull request of an update whose branch the remote has; its address or what to do. May
            raise a Refusal, which the answer holds besides the update.

    Raises:
        ProblemsFound, UserError: as `updating.draft_updates`; no remote to push to.
    """
    remote = default_remote(catalog.repository) if push else None
    if push and remote is None:
        raise UserError("there is no remote `origin` to push to", "run `git remote add origin URL`")
    drafts = draft_updates(catalog, request)
    updates, failed = [], list(drafts.failed)
    for drafted in drafts.drafted:
        try:
            update = drafted.update if check else _place(catalog, drafted, remote)
        except Refusal as error:
            failed.append(NotUpdated(subject=drafted.update.branch, reason=error.message))
            continue
        if open_one is not None and update.pushed:
            try:
                update = replace(update, pull_request=open_one(update))
            except Refusal as error:
                failed.append(NotUpdated(subject=update.branch, reason=f"{error.message}: {error.hint}"))
        updates.append(update)
    return Updates(updates=tuple(updates), failed=tuple(failed))


def names_to_update(
    catalog: Catalog, names: Sequence[str], *, older_than: int | None, now: datetime
) -> tuple[str, ...]:
    """The named environments of the current commit, or all that are not archived.

    Args:
        older_than: days since the last commit of the lock; None for locks of any age.

    Raises:
        UserError: there is no such environment.
    """
    head = catalog.repository.require_head()
    content = catalog.at(head)
    names = worktree_names(names)
    for name in names:
        content.reading(name)
    chosen = names or tuple(without_archived(content, content.names))
    if older_than is None:
        return chosen
    young = paths_since(catalog.repository, head, now - timedelta(days=older_than), "catalog")
    return tuple(name for name in chosen if lock_path(name) not in young)


def _place(catalog: Catalog, drafted: Drafted, remote: str | None) -> Update:
    repository, update = catalog.repository, drafted.update
    head = repository.require_head()
    made = write_commit(repository, head, drafted.files, update.message)
    here = branch_tip(repository, update.branch)
    if here is None or not _is_same(here, made):
        _refuse_others(catalog, update.branch, here, head)
        set_branch(repository, update.branch, made.id, expected=here.id if here else None)
        update = replace(update, status="replaced" if here else "created", commit=made.id)
    else:
        update = replace(update, status="unchanged", commit=here.id)
    if remote is None:
        return update
    there = remote_tip(repository, remote, update.branch)
    if there is None or not _is_same(there, made):
        _refuse_others(catalog, update.branch, there, head)
        push_branch(repository, remote, update.branch, update.commit, expected=there.id if there else None)
    else:  # a clone that is made anew for each run has no branch of its own, and the update is no new one
        update = replace(update, status="unchanged")
    return replace(update, pushed=True)


def _is_same(tip: Tip, made: Tip) -> bool:
    return (tip.tree, tip.parent, tip.message.strip()) == (made.tree, made.parent, made.message.strip())


def _refuse_others(catalog: Catalog, branch: str, tip: Tip | None, head: str) -> None:
    """One commit of ours on top of a commit of the history may be replaced, and nothing else."""
    if tip is None or is_ancestor(catalog.repository, tip.id, head):
        return
    if not is_ours(tip.message) or not tip.parent or not is_ancestor(catalog.repository, tip.parent, head):
        raise Refusal(
            f"the branch `{branch}` holds commits that are not of `envcat update`",
            "merge it, or delete it, then run the command again",
        )
