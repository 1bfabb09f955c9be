"""All files of one folder, with their modes: of a commit, or of the work tree as the next commit would have them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from envcatalog.git.repository import CatalogRepository
from envcatalog.git.trees import files
from envcatalog.model.errors import Refusal
from envcatalog.model.files import MODE_FILE, MODE_LINK, MODE_PROGRAM, MODE_SUBMODULE, FolderFile

FILE_LIMIT = 256 * 1024 * 1024


def commit_files(repository: CatalogRepository, commit: str, folder: str) -> tuple[FolderFile, ...]:
    """The files below a folder of a commit, sorted by path."""
    prefix = f"{folder}/"
    found = files(repository, commit, folder)
    return tuple(
        FolderFile(
            path=path.removeprefix(prefix),
            mode=file.mode,
            read=partial(_object, repository, path, file.id),
        )
        for path, file in sorted(found.items())
        if path.startswith(prefix)
    )


def _object(repository: CatalogRepository, path: str, object_id: str) -> bytes:
    found = repository.objects.read(object_id, limit=FILE_LIMIT)
    if found.size > FILE_LIMIT:
        raise _too_large(path)
    return found.data


def worktree_files(root: Path, folder: str, repository: CatalogRepository | None) -> tuple[FolderFile, ...]:
    """The files below a folder on disk, sorted by path.

    Args:
        repository: leave out what Git ignores, so that a commit of the folder holds the same files; None: take all.
    """
    names = _walk(root, folder) if repository is None else _known(repository, folder)
    found = []
    for path in sorted(names):
        try:
            mode = os.lstat(root / path).st_mode
        except (FileNotFoundError, NotADirectoryError):  # deleted, and not committed yet
            continue
        kind = _mode(mode)
        read: Callable[[], bytes] = partial(_file, root / path, path, kind)
        found.append(FolderFile(path=path.removeprefix(f"{folder}/"), mode=kind, read=read))
    return tuple(found)


def _known(repository: CatalogRepository, folder: str) -> set[str]:
    listed = repository.processes.output(
        "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name", "--", folder
    )
    return {
        path.rstrip("/")
        for path in listed.decode(errors="surrogateescape").split("\0")[:-1]
        if path.startswith(f"{folder}/")
    }


def _walk(root: Path, folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(root / folder):
        below = Path(place).relative_to(root)
        links = (name for name in folders if (root / below / name).is_symlink())
        yield from ((below / name).as_posix() for name in (*names, *links))


def _mode(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return MODE_LINK
    if stat.S_ISDIR(mode):  # a repository of its own
        return MODE_SUBMODULE
    if not stat.S_ISREG(mode):
        return "000000"
    return MODE_PROGRAM if mode & stat.S_IXUSR else MODE_FILE


def _file(path: Path, shown: str, mode: str) -> bytes:
    try:
        if mode == MODE_LINK:
            return os.fsencode(path.readlink())
        if mode not in (MODE_FILE, MODE_PROGRAM):
            return b""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            if os.fstat(file.fileno()).st_size > FILE_LIMIT:
                raise _too_large(shown)
            data = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise Refusal(f"`{shown}` cannot be read: {(error.strerror or '').lower()}") from error
    if len(data) > FILE_LIMIT:
        raise _too_large(shown)
    return data


def _too_large(path: str) -> Refusal:
    return Refusal(f"`{path}` is larger than {FILE_LIMIT // 1024 // 1024} MiB", "let the Dockerfile fetch it")
