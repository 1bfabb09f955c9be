"""What a Git hook asks of Git: what was pushed, what is staged, and how the repository is set up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from envcatalog.git.process import checked
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.trees import files
from envcatalog.model.errors import Refusal, UserError

HEADS = "refs/heads/"
FILE_LIMIT = 1 << 30

# What Git hands to `pre-receive` so that it sees objects which are not accepted yet (git-receive-pack(1)).
_QUARANTINE = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One reference of a push; full object ids, None where there is nothing before or after."""

    ref: str
    old: str | None
    new: str | None


def read_pushes(text: str) -> tuple[Push, ...]:
    """The lines that Git writes to `pre-receive` and `post-receive`: old id, new id, reference.

    Raises:
        UserError: a line is none of these.
    """
    pushes = []
    for line in filter(None, text.split("\n")):
        parts = line.split(" ", 2)
        if len(parts) < 3:
            raise _no_push(line)
        old, new, ref = parts
        pushes.append(Push(ref=ref, old=_known(old), new=_known(new)))
    return tuple(pushes)


def read_outgoing(text: str) -> tuple[Push, ...]:
    """The lines that Git writes to `pre-push`: local reference, its id, remote reference, its id. Errors likewise."""
    pushes = []
    for line in filter(None, text.split("\n")):
        parts = line.split(" ")
        if len(parts) < 4:
            raise _no_push(line)
        pushes.append(Push(ref=parts[-2], old=_known(parts[-1]), new=_known(parts[-3])))
    return tuple(pushes)


def quarantine(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that make the objects of a push visible before it is accepted; none outside of one."""
    if "GIT_QUARANTINE_PATH" not in environ:
        return {}
    return {name: environ[name] for name in _QUARANTINE if name in environ}


def default_branch(repository: CatalogRepository) -> str | None:
    """Full name of the branch that HEAD names, whether it has a commit or not."""
    branch = repository.branch()
    return HEADS + branch if branch else None


def configured(repository: CatalogRepository, key: str) -> str | None:
    """A value of the repository's or the machine's Git configuration."""
    result = repository.processes.read("config", "--get", key)
    return result.out.decode(errors="surrogateescape").strip() or None


def is_ancestor(repository: CatalogRepository, commit: str, tip: str) -> bool:
    """Whether a commit is the tip or comes before it (full ids)."""
    return repository.processes.read("merge-base", "--is-ancestor", commit, tip).code == 0


def staged_tree(repository: CatalogRepository, index: Path | None) -> str:
    """A tree of what is staged, which `Revision` reads like a commit.

    Args:
        index: the index file that Git named for this commit; None for the usual one.

    Raises:
        UserError: the index holds conflicts.
    """
    environment = {"GIT_INDEX_FILE": str(index)} if index else {}
    arguments = ("write-tree", "--missing-ok")
    return (
        checked(repository.processes.write(*arguments, environment=environment), arguments).decode().strip()
    )


def hooks_folder(repository: CatalogRepository) -> Path:
    """Where Git looks for the hooks of this repository, `core.hooksPath` included."""
    arguments = ("rev-parse", "--git-path", "hooks")
    out = checked(repository.processes.write(*arguments), arguments)
    return repository.processes.folder / out.decode(errors="surrogateescape").rstrip("\n")


def extract(repository: CatalogRepository, commit: str, folder: Path, *, without: frozenset[str]) -> None:
    """Write the plain files of a commit below an empty folder, exactly as they were committed.

    No filter, attribute or hook is asked, and links and submodules are left out: nothing of the commit is run.

    Args:
        without: paths to leave out.

    Raises:
        Refusal: a path that leads out of the folder, or a file over 1 GiB.
    """
    wanted = dict(_inside(repository, commit, without))
    found = repository.objects.read_many((file for file, _ in wanted.values()), limit=FILE_LIMIT)
    for (path, (_, mode)), blob in zip(wanted.items(), found, strict=True):
        if blob.size > FILE_LIMIT:
            raise Refusal(f"`{path}` is larger than {FILE_LIMIT >> 30} GiB")
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(blob.data)
        except (FileExistsError, NotADirectoryError, ValueError) as error:
            raise Refusal(f"the commit holds `{path}` in two ways") from error
        target.chmod(mode)


def _inside(
    repository: CatalogRepository, commit: str, without: frozenset[str]
) -> Iterator[tuple[str, tuple[str, int]]]:
    for path, file in files(repository, commit).items():
        if not file.is_file or path in without:
            continue
        # Git takes such trees from a push unless it is told to check them (receive.fsckObjects).
        if path.startswith("/") or not {"", ".", ".."}.isdisjoint(
            PurePosixPath(path).parts + tuple(path.split("/"))
        ):
            raise Refusal(f"the commit holds the path `{path}`, which leads out of it")
        yield path, (file.id, 0o755 if file.mode == "100755" else 0o644)


def _known(text: str) -> str | None:
    if not _ID.match(text):
        raise _no_push(text)
    return text if text.strip("0") else None


def _no_push(line: str) -> UserError:
    return UserError(
        f"`{line[:80]}` is no line of a push", "`envcat hooks run` is called by Git; see githooks(5)"
    )
