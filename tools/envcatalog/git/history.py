"""Commits, newest first, as Git walks them. Commit messages are anybody's: fields are separated by NUL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from envcatalog.git.process import end
from envcatalog.git.repository import CatalogRepository
from envcatalog.model.version import Commit

# Full id, committer date, author, subject. `-z` ends each record with one more NUL.
_FORMAT = "--format=tformat:%H%x00%cI%x00%an <%ae>%x00%s"
_FIELDS = 4
_FORMAT_PARENTS = "--format=tformat:%P%x00%H%x00%cI%x00%an <%ae>%x00%s"
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


def walk_folder(
    repository: CatalogRepository, path: str, tips: Sequence[str], stop: Sequence[str] = ()
) -> Iterator[tuple[Commit, tuple[str, ...]]]:
    """Commits that changed a folder, newest first, each with the ones of them that came directly before it.

    A merge is among them where it joins two lines that both changed the folder. Git starts to walk at once, so that
    several walks can go on at the same time.

    Args:
        tips, stop: full ids; what is reachable from `stop` is left out.
    """
    excluded = [f"^{commit}" for commit in stop]
    arguments = ("log", "--parents", *_OPTIONS[:1], _FORMAT_PARENTS, *_OPTIONS[2:], "--stdin", "--", path)
    revisions = "".join(f"{revision}\n" for revision in (*tips, *excluded))
    running = repository.processes.start(*arguments)
    running.proc.stdin.write(revisions.encode())
    running.proc.stdin.close()
    running.proc.stdin = None  # `communicate` would flush it
    found = _records(repository, running, arguments, _FIELDS + 1)
    return ((_commit(fields[1:]), tuple(fields[0].split())) for fields in found)


def last_change(repository: CatalogRepository, path: str, commit: str) -> str | None:
    """The newest commit that changed a path, seen from a commit (a full id); None where there is none."""
    return next((found.id for found in log(repository, path, commit, limit=1)), None)


def paths_since(repository: CatalogRepository, commit: str, since: datetime, path: str) -> frozenset[str]:
    """Files below a folder that commits since a moment changed, seen from a commit (a full id).

    Only commits of that time are walked. What a merge brings in counts from its own commit, not from the merge.
    """
    arguments = (
        "log",
        "-z",
        "--format=",
        "--name-only",
        "--no-renames",
        "--no-ext-diff",
        "--no-show-signature",
    )
    moment = f"--since={since.isoformat(timespec='seconds')}"
    out = repository.processes.output(*arguments, moment, "--end-of-options", commit, "--", path)
    return frozenset(item.strip("\n") for item in out.decode(errors="surrogateescape").split("\0"))


def count_commits(repository: CatalogRepository, most: int) -> int:
    """How many commits the current one has behind it, itself included; counting ends at `most`."""
    if repository.head() is None:
        return 0
    out = repository.processes.output("rev-list", "--count", f"--max-count={most}", "HEAD")
    return int(out)


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
    running = repository.processes.start(*arguments)
    for fields in _records(repository, running, arguments, _FIELDS):
        yield _commit(fields)


def _records(
    repository: CatalogRepository, running: Any, arguments: tuple[str, ...], count: int
) -> Iterator[list[str]]:
    process = running.proc  # `running` is kept: GitPython ends a process that nobody holds
    try:
        waiting: list[str] = []
        rest = b""
        while chunk := process.stdout.read1(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\0")
            waiting += [field.decode(errors="replace") for field in whole]
            while len(waiting) >= count:
                yield waiting[:count]
                del waiting[:count]
        repository.processes.check_ended(process, arguments)
    finally:
        end(process)


def _commit(fields: list[str]) -> Commit:
    commit, date, author, message = fields[:_FIELDS]
    return Commit(id=commit, date=date, author=author, message=message)
