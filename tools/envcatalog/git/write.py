"""Making a repository and a commit, for `init`, `register` and `demo`. The user's hooks and filters run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envcatalog.git.process import GitProcesses, Result, checked, failure
from envcatalog.git.repository import CatalogRepository
from envcatalog.model.errors import UserError


def init(path: Path) -> CatalogRepository:
    """Make a repository in a folder (made if need be) and open it; an existing one is opened as it is.

    Raises:
        UserError: the folder cannot be written, or is no place for a repository.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"`{path}` cannot be made: {(error.strerror or '').lower()}") from error
    arguments = ("init", "--quiet")
    checked(GitProcesses(path.resolve()).write(*arguments), arguments)
    return CatalogRepository.open(path)


def commit(
    repository: CatalogRepository,
    paths: Sequence[str],
    message: str,
    *,
    author: tuple[str, str] | None = None,
) -> str:
    """Commit exactly these paths (relative to the root; deleted ones too); the new commit's full id.

    What else is in the index stays there. Where nothing changed, the current commit's id is returned.

    Args:
        author: (name, address) to use where Git knows nobody; None: the user must have told Git.

    Raises:
        UserError: nobody to name as author, a hook refuses, or the repository is locked.
    """
    identity = _identity(repository, author)
    add = ("add", "--force", "--all", "--", *paths)
    checked(repository.processes.write(*add), add)
    staged = repository.processes.read("diff-index", "--cached", "--quiet", "HEAD", "--", *paths)
    if staged.code == 0:
        return repository.require_head()
    arguments = ("commit", "--quiet", "--cleanup=verbatim", "--only", "--file=-", "--", *paths)
    result = repository.processes.write(*arguments, stdin=message.encode(), environment=identity)
    if result.code == 0:
        return repository.require_head()
    raise unknown_author(result) or failure(result, arguments)


def unknown_author(result: Result) -> UserError | None:
    """The error where Git made no commit because it knows no author; None where that was not the reason."""
    if "Please tell me who you are" not in result.err and "empty ident name" not in result.err:
        return None
    return UserError(
        "Git does not know who you are, so a commit cannot carry your name",
        "run `git config --global user.name NAME` and `git config --global user.email ADDRESS`",
    )


def _identity(repository: CatalogRepository, author: tuple[str, str] | None) -> dict[str, str]:
    if author is None or repository.processes.read("config", "--get", "user.email").code == 0:
        return {}
    name, address = author
    return {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
    }
