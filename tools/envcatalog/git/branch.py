"""A commit on a branch of its own, made from bytes: index and work tree stay as they are, checked out or not."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from envcatalog.git.process import checked, failure
from envcatalog.git.remote import check_remote, unreachable
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.write import unknown_author
from envcatalog.model.errors import Refusal

HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """What a branch names: full ids of the commit, its tree and its first parent, and its whole message."""

    id: str
    tree: str
    parent: str
    message: str


def write_commit(repository: CatalogRepository, parent: str, files: Mapping[str, bytes], message: str) -> Tip:
    """A commit that no branch names yet: its parent's files, with these paths added or replaced.

    Signed where the user's `commit.gpgSign` asks for it. No hook runs, as with `git commit-tree`.

    Raises:
        UserError: Git knows no author, or the repository cannot be written.
    """
    processes = repository.processes
    with tempfile.TemporaryDirectory(prefix="envcat-commit-") as scratch:
        ids = _write_blobs(repository, files, Path(scratch) / "marks")
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}

        def run(*arguments: str, stdin: bytes = b"") -> str:
            result = processes.write(*arguments, stdin=stdin, environment=index)
            return checked(result, arguments).decode().strip()

        run("read-tree", parent)
        listed = "".join(f"100644 {object_id}\t{path}\0" for path, object_id in ids.items())
        run("update-index", "-z", "--index-info", stdin=listed.encode())
        tree = run("write-tree")
    arguments = ("commit-tree", tree, "-p", parent, *_signing(repository))
    result = processes.write(*arguments, stdin=message.encode())
    if result.code != 0:
        raise unknown_author(result) or failure(result, arguments)
    return Tip(id=result.out.decode().strip(), tree=tree, parent=parent, message=message)


def branch_tip(repository: CatalogRepository, branch: str) -> Tip | None:
    """What a branch here names; None where there is no such branch."""
    result = repository.processes.read("rev-parse", "--verify", "--quiet", "--end-of-options", HEADS + branch)
    return commit_tip(repository, result.out.decode().strip()) if result.code == 0 else None


def commit_tip(repository: CatalogRepository, commit: str) -> Tip:
    """One commit by its full id."""
    arguments = ("log", "--max-count=1", "--format=%T%x00%P%x00%B", "--no-show-signature", "--no-notes")
    out = repository.processes.output(*arguments, "--end-of-options", commit, "--")
    tree, parents, message = out.decode(errors="replace").split("\0", 2)
    return Tip(id=commit, tree=tree, parent=parents.partition(" ")[0], message=message)


def is_ancestor(repository: CatalogRepository, older: str, newer: str) -> bool:
    """Whether a commit is reachable from another (full ids)."""
    result = repository.processes.read("merge-base", "--is-ancestor", older, newer)
    return result.code == 0


def set_branch(repository: CatalogRepository, branch: str, commit: str, *, expected: str | None) -> None:
    """Let a branch name a commit, if it still names what is expected (None: if there is no such branch).

    Raises:
        Refusal: some work tree has it checked out, which would then show the difference as edits.
        UserError: it has moved meanwhile, or its name is no name for a branch.
    """
    if branch in checked_out(repository):
        raise Refusal(
            f"the branch `{branch}` is checked out", "switch to another branch, then run the command again"
        )
    old = expected or "0" * (64 if repository.layout.object_format == "sha256" else 40)
    arguments = ("update-ref", "-m", "envcat update", HEADS + branch, commit, old)
    checked(repository.processes.write(*arguments), arguments)


def checked_out(repository: CatalogRepository) -> frozenset[str]:
    """Branches that this work tree or a linked one has checked out."""
    out = repository.processes.output("worktree", "list", "--porcelain").decode(errors="surrogateescape")
    mark = f"branch {HEADS}"
    return frozenset(line.removeprefix(mark) for line in out.splitlines() if line.startswith(mark))


def remote_tip(repository: CatalogRepository, remote: str, branch: str) -> Tip | None:
    """What a remote's branch names, fetched but named by nothing here; None where there is none.

    Raises:
        UserError: the remote cannot be reached.
    """
    check_remote(remote)
    ref = HEADS + branch
    result = repository.processes.write("ls-remote", "--end-of-options", remote, ref)
    if result.code != 0:
        raise unreachable(remote, result)
    found = [line.split("\t")[0] for line in result.out.decode().splitlines() if line.endswith(f"\t{ref}")]
    if not found:
        return None
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
    result = repository.processes.write(
        "fetch", *options, "--recurse-submodules=no", "--end-of-options", remote, ref
    )
    if result.code != 0:
        raise unreachable(remote, result)
    repository.objects.close()
    return commit_tip(repository, found[0])


def push_branch(
    repository: CatalogRepository, remote: str, branch: str, commit: str, *, expected: str | None
) -> None:
    """Push a commit to a remote's branch, if that still names what is expected (None: if there is none).

    Raises:
        UserError: the remote refuses or cannot be reached.
    """
    check_remote(remote)
    ref = HEADS + branch
    options = ("--quiet", "--no-follow-tags", "--recurse-submodules=no")
    lease = f"--force-with-lease={ref}:{expected or ''}"
    arguments = ("push", *options, lease, "--end-of-options", remote, f"{commit}:{ref}")
    checked(repository.processes.write(*arguments), arguments)


def _write_blobs(repository: CatalogRepository, files: Mapping[str, bytes], marks: Path) -> dict[str, str]:
    """Path to object id, by one process however many there are, and without any filter."""
    stream = b"".join(
        b"blob\nmark :%d\ndata %d\n%s\n" % (number, len(data), data)
        for number, data in enumerate(files.values(), 1)
    )
    arguments = ("fast-import", "--quiet", f"--export-marks={marks}")
    checked(repository.processes.write(*arguments, stdin=stream), arguments)
    found = dict(line.split(" ") for line in marks.read_text().splitlines())
    return {path: found[f":{number}"] for number, path in enumerate(files, 1)}


def _signing(repository: CatalogRepository) -> tuple[str, ...]:
    # `git commit-tree` does not read the setting by itself.
    result = repository.processes.read("config", "--type=bool", "--get", "commit.gpgSign")
    return ("-S",) if result.out.strip() == b"true" else ()
