"""The hooks of a working clone: `pre-commit` looks at what is staged, `pre-push` at what is pushed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from envcatalog.catalog.content import Content
from envcatalog.catalog.hooks.server import Verdict, check_content
from envcatalog.catalog.policing import newest_version
from envcatalog.git.pushed import HEADS, Push, staged_tree
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import Revision


def check_staged(folder: Path, environ: Mapping[str, str]) -> Verdict:
    """`pre-commit`: the index as it will be committed, whatever the work tree holds.

    Args:
        environ: Git names another index there for `git commit -a` and `git commit PATH`.

    Raises:
        UserError: the index holds conflicts.
    """
    index = environ.get("GIT_INDEX_FILE")
    with CatalogRepository.open(folder) as repository:
        tree = staged_tree(repository, folder / index if index else None)
        newest = newest_version(repository, lambda commit: Content(Revision(repository, commit)))
        return check_content(Content(Revision(repository, tree)), ref="", stale=None, newest=newest)


def check_outgoing(folder: Path, pushes: Sequence[Push]) -> tuple[Verdict, ...]:
    """`pre-push`: each branch that is pushed, with its locks."""
    branches = [push for push in pushes if push.ref.startswith(HEADS) and push.new is not None]
    if not branches:
        return ()
    with CatalogRepository.open(folder) as repository:
        newest = newest_version(repository, lambda commit: Content(Revision(repository, commit)))
        return tuple(
            check_content(
                Content(Revision(repository, str(push.new))), ref=push.ref, stale="error", newest=newest
            )
            for push in branches
        )
