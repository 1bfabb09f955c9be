"""A bare clone to work on a commit of another repository."""

from __future__ import annotations

from pathlib import Path

from envcatalog.git.process import GitProcesses, checked, last_line
from envcatalog.git.repository import CatalogRepository
from envcatalog.model.errors import UserError


def clone_at(
    origin: str, commit: str, folder: Path, *, root: Path, author: tuple[str, str]
) -> CatalogRepository:
    """Clone with all version tags, and take a commit (a full id) for the current one; `origin` is the remote.

    Args:
        folder: is made; its parent exists.
        root: see `Layout.root`.
        author: name and address for the tags that are made there.

    Raises:
        UserError: the origin cannot be reached, or does not hold the commit.
    """
    arguments = ("clone", "--bare", "--quiet", "--", origin, str(folder))
    result = GitProcesses(folder.parent).write(*arguments)
    if result.code != 0:
        raise UserError(f"the catalog cannot be cloned: {last_line(result.err)}")
    there = GitProcesses(folder)
    for key, value in zip(("user.name", "user.email"), author, strict=True):
        checked(there.write("config", key, value), ("config",))
    if there.read("cat-file", "-e", f"{commit}^{{commit}}").code != 0:
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", commit)
        if there.write(*fetch).code != 0:
            raise UserError(
                f"the commit {commit[:12]} is not in the catalog's origin", "push it, then publish again"
            )
    return CatalogRepository.open_bare(folder, root=root, head=commit)


def committer(repository: CatalogRepository) -> tuple[str, str]:
    """Name and address of whoever works here; UserError where Git knows nobody."""
    result = repository.processes.read("var", "GIT_COMMITTER_IDENT")
    name, _, rest = result.out.decode(errors="replace").partition(" <")
    if result.code != 0:
        raise UserError(
            "Git does not know who you are, so a version cannot carry your name",
            "run `git config --global user.name NAME` and `git config --global user.email ADDRESS`",
        )
    return name, rest.partition(">")[0]


def clone_url(repository: CatalogRepository, remote: str | None) -> str:
    """What a worker clones: the remote without any password, else this repository's own folder.

    A worker that needs a credential has its own: none of ours is sent to it.
    """
    if remote is None:
        return str(repository.layout.common_dir)
    out = repository.processes.output("remote", "get-url", "--", remote)
    url = out.decode(errors="surrogateescape").strip()
    scheme, separator, rest = url.partition("://")
    if not separator:
        is_folder = ":" not in url or url.startswith(("/", "."))
        return str((repository.root / url).resolve()) if is_folder else url
    place, slash, path = rest.partition("/")
    user, _, host = place.rpartition("@")
    kept = f"{user.partition(':')[0]}@" if user and scheme == "ssh" else ""
    return f"{scheme}://{kept}{host}{slash}{path}"
