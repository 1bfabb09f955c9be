"""The files on disk as a source, uncommitted edits included."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from envcatalog.git.folder_files import worktree_files
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import capped, check_path, limit_of, not_a_file
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.trees import DEFINITION, FOLDER, LOCK
from envcatalog.model.errors import Refusal
from envcatalog.model.files import FolderFile
from envcatalog.model.names import is_name

_BLOCK = 64 * 1024


class WorkTree:
    """The files on disk as a source, uncommitted edits included.

    Args:
        repository: of these files; without it what Git ignores is part of a folder, too.
    """

    def __init__(self, root: Path, repository: CatalogRepository | None = None) -> None:
        self.root = root
        self._repository = repository
        self._skipped: tuple[Suspicion, ...] | None = None
        self._names: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """See `Source`. Looked up once; make a new WorkTree to look again."""
        self._list()
        return self._names

    def read(self, path: str) -> bytes | None:
        """See `Source`. Reads the disk at each call."""
        check_path(path)
        folder = self.root
        *parents, _ = parts = path.split("/")
        for depth, part in enumerate(parents, start=1):
            folder = folder / part
            if _is_link(folder):
                raise not_a_file("/".join(parts[:depth]), "is a symbolic link")
        return _read_file(f"{self.root}/{path}", path, limit_of(path))

    def read_each(self, file: str) -> Iterator[tuple[str, bytes]]:
        """See `Source`."""
        root, limit = os.fspath(self.root), limit_of(file)
        for name in self.names():
            path = f"{FOLDER}/{name}/{file}"
            data = _read_file(f"{root}/{path}", path, limit)
            if data is not None:
                yield name, data

    def folder(self, folder: str) -> tuple[FolderFile, ...]:
        """See `Source`. Files that a commit would hold; their modes and bytes as they are on disk."""
        check_path(folder)
        return worktree_files(self.root, folder, self._repository)

    def skipped(self) -> tuple[Suspicion, ...]:
        """See `Source`."""
        self._list()
        return self._skipped or ()

    def _list(self) -> None:
        if self._skipped is not None:
            return
        names: list[str] = []
        skipped: list[Suspicion] = []
        if _is_link(self.root / FOLDER):
            skipped.append(Suspicion(where=FOLDER, reason="is a symbolic link"))
        else:
            for entry in _scan(self.root / FOLDER):
                _sort_in(entry, names, skipped)
        self._names, self._skipped = tuple(sorted(names)), tuple(sorted(skipped, key=lambda item: item.where))


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sort_in(entry: os.DirEntry[str], names: list[str], skipped: list[Suspicion]) -> None:
    path = f"{FOLDER}/{entry.name}"
    if entry.is_symlink():
        skipped.append(Suspicion(where=path, reason="is a symbolic link"))
        return
    if not entry.is_dir():
        return
    found = {file for file in (DEFINITION, LOCK) if os.path.lexists(f"{entry.path}/{file}")}
    if not found:
        return
    if not is_name(entry.name):
        for file in sorted(found):
            skipped.append(Suspicion(where=f"{path}/{file}", reason="is in a folder whose name is not valid"))
        return
    if DEFINITION not in found:
        skipped.append(Suspicion(where=path, reason=f"has a `{LOCK}` but no `{DEFINITION}`"))
        return
    odd = _oddity(f"{entry.path}/{DEFINITION}")
    if odd:
        skipped.append(Suspicion(where=f"{path}/{DEFINITION}", reason=odd))
        return
    names.append(entry.name)


def _oddity(path: str) -> str:
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode):
        return ""
    return "is a symbolic link" if stat.S_ISLNK(mode) else "is not a file"


def _read_file(path: str, shown: str, limit: int) -> bytes | None:
    # Not to wait for a writer to a FIFO, and not to follow a link put there since it was looked at.
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        if not hasattr(os, "O_NOFOLLOW") and (odd := _oddity(path)):
            raise not_a_file(shown, odd)
        descriptor = os.open(path, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise not_a_file(shown, "is not a file")
            return capped(shown, _read_all(descriptor, limit + 1))
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if os.path.lexists(path) and (odd := _oddity(path)):
            raise not_a_file(shown, odd) from error
        raise Refusal(f"`{shown}` cannot be read: {(error.strerror or '').lower()}") from error


def _read_all(descriptor: int, most: int) -> bytes:
    # Ten thousand small files are read for one command: a file object for each would cost more than the reading.
    data = os.read(descriptor, min(most, _BLOCK))
    if len(data) < _BLOCK:
        return data
    parts = [data]
    left = most - len(data)
    while left > 0 and (data := os.read(descriptor, min(left, _BLOCK * 16))):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)


def _is_link(path: Path) -> bool:
    return path.is_symlink()
