"""Commits, newest first, as Git walks them. Commit messages are anybody's: fields are separated by NUL."""

from __future__ import annotations

from collections.abc import Iterator

from envcatalog.git.process import end
from envcatalog.git.repository import CatalogRepository
from envcatalog.model.version import Commit

# Full id, committer date, author, subject. `-z` ends each record with one more NUL.
_FORMAT = "--format=tformat:%H%x00%cI%x00%an <%ae>%x00%s"
_FIELDS = 4
_OPTIONS = ("-z", _FORMAT, "--no-show-signature", "--no-notes", "--no-decorate", "--no-color", "--no-patch")
_CHUNK = 64 * 1024


def log(
    repository: CatalogRepository,
    path: str | None = None,
    revision: str | None = None,
    limit: int | None = None,
) -> Iterator[Commit]:
    """Commits that changed a file or folder (all commits when None), from a commit (a full id) back.

    Read while Git walks: giving up early ends the walk. One folder is faster than several paths, since Git's
    changed-path filters answer for one only.
    """
    start = revision or repository.head()
    if start is None:
        return iter(())
    return _walk(repository, [start], path, limit)


def commits_between(
    repository: CatalogRepository, older: str | None, newer: str, path: str | None = None
) -> Iterator[Commit]:
    """Commits reachable from `newer` but not from `older` (full ids; None: from the beginning)."""
    return _walk(repository, [newer, *([f"^{older}"] if older else [])], path, None)


def commit_info(repository: CatalogRepository, commit: str) -> Commit:
    """One commit by its full id; UserError when it is missing."""
    arguments = ("log", *_OPTIONS, "--max-count=1", "--no-walk", "--end-of-options", commit)
    fields = repository.processes.output(*arguments).decode(errors="replace").split("\0")
    return _commit(fields)


def has_changed_paths(repository: CatalogRepository) -> bool:
    """Whether a commit-graph with changed-path filters is there: `log` of one path is far faster with it.

    `git commit-graph write --reachable --changed-paths` makes one.
    """
    info = repository.layout.common_dir / "objects/info"
    graphs = [info / "commit-graph", *sorted((info / "commit-graphs").glob("*.graph"))]
    for graph in graphs:
        if graph.is_file():
            with graph.open("rb") as file:
                if b"BIDX" in file.read(4096):
                    return True
    return False


def _walk(
    repository: CatalogRepository, revisions: list[str], path: str | None, limit: int | None
) -> Iterator[Commit]:
    count = [] if limit is None else [f"--max-count={limit}"]
    paths = ["--", path] if path else ["--"]
    arguments = ("log", *_OPTIONS, *count, "--end-of-options", *revisions, *paths)
    running = repository.processes.start(*arguments)  # kept: GitPython ends a process that nobody holds
    process = running.proc
    try:
        waiting: list[str] = []
        rest = b""
        while chunk := process.stdout.read1(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\0")
            waiting += [field.decode(errors="replace") for field in whole]
            while len(waiting) >= _FIELDS:
                yield _commit(waiting[:_FIELDS])
                del waiting[:_FIELDS]
        repository.processes.check_ended(process, arguments)
    finally:
        end(process)


def _commit(fields: list[str]) -> Commit:
    commit, date, author, message = fields[:_FIELDS]
    return Commit(id=commit, date=date, author=author, message=message)
