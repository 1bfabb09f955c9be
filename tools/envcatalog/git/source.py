"""Where definitions and locks are read from: the work tree or a commit, with one interface.

Neither follows a symbolic link: a commit has nothing to follow it to, and the work tree must answer alike.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from envcatalog.git.folder_files import commit_files, worktree_files
from envcatalog.git.folders import tree_entries
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.trees import DEFINITION, FOLDER, LOCK, SETTINGS, Listing, TreeFile, files, listing
from envcatalog.model.errors import Refusal
from envcatalog.model.files import FolderFile
from envcatalog.model.names import is_name

DEFINITION_LIMIT = 1024 * 1024
OTHER_LIMIT = 16 * 1024 * 1024
_BLOCK = 64 * 1024


class Source(Protocol):
    """Files of a catalog at one moment. Paths are relative to the catalog's root, with ``/``.

    A definition or `catalog.yaml` over 1 MiB comes cut off after 1 MiB + 1, so that the reader can report it
    like any other problem; any other file over 16 MiB is a Refusal, and so is a link or a submodule in place
    of a file.
    """

    def names(self) -> tuple[str, ...]:
        """Names of the environments, sorted: valid names of folders that hold a definition."""

    def read(self, path: str) -> bytes | None:
        """One file; None where there is none."""

    def read_each(self, file: str) -> Iterator[tuple[str, bytes]]:
        """(name, bytes) of `environment.yaml` or `lock.json` of every environment that has it, by name."""

    def folder(self, folder: str) -> tuple[FolderFile, ...]:
        """All files below a folder, sorted; links are not followed."""

    def skipped(self) -> tuple[Suspicion, ...]:
        """What looks like an environment and is none."""


class Revision:
    """A commit as a source."""

    def __init__(self, repository: CatalogRepository, commit: str) -> None:
        self.commit = commit
        self._repository = repository
        self._listing: Listing | None = None
        self._folders: dict[str, dict[str, TreeFile] | None] = {}

    def names(self) -> tuple[str, ...]:
        """See `Source`."""
        return tuple(self._list().environments)

    def read(self, path: str) -> bytes | None:
        """See `Source`."""
        _check_path(path)
        folder, _, name = path.rpartition("/")
        entries = self._entries(folder)
        if entries is not None:
            entry = entries.get(name)
            return None if entry is None else self._content(path, entry)
        known = self._known(path)
        if known is not None:
            return known
        found = files(self._repository, self.commit, path)
        file = found.get(path)
        if file is None:
            if found:
                raise _not_a_file(path, "is not a file")
            self._refuse_what_hides(path)
            return None
        data = self._content(path, file)
        self._repository.plain.add((path, file.id))
        return data

    def _known(self, path: str) -> bytes | None:
        """What the path holds, if that was a regular file's content there before; asked of the running process.

        One tree tells nothing of modes in another, but a link with these very bytes would be the same to a reader.
        """
        if path != SETTINGS or not self._repository.plain:
            return None
        found = self._repository.objects.read(f"{self.commit}:{path}", limit=_limit(path), missing_too=True)
        if found.kind == "blob" and (path, found.id) in self._repository.plain:
            return found.data
        return None

    def read_each(self, file: str) -> Iterator[tuple[str, bytes]]:
        """See `Source`. One process for all."""
        wanted = {}
        for name, entry in self._list().environments.items():
            object_id = entry.definition if file == DEFINITION else entry.lock
            if object_id is not None:
                wanted[name] = object_id
        found = self._repository.objects.read_many(wanted.values(), limit=_limit(file))
        for name, blob in zip(wanted, found, strict=True):
            yield name, _capped(f"{FOLDER}/{name}/{file}", blob.data)

    def folder(self, folder: str) -> tuple[FolderFile, ...]:
        """See `Source`."""
        _check_path(folder)
        return commit_files(self._repository, self.commit, folder)

    def skipped(self) -> tuple[Suspicion, ...]:
        """See `Source`."""
        return self._list().skipped

    def _list(self) -> Listing:
        if self._listing is None:
            self._listing = listing(self._repository, self.commit)
        return self._listing

    def _entries(self, folder: str) -> dict[str, TreeFile] | None:
        """A small folder's entries, asked of the process that runs already; None: ask Git in another way."""
        if folder.count("/") != 1 or not is_name(folder.removeprefix(f"{FOLDER}/")):
            return None
        if folder not in self._folders:
            found = self._repository.objects.read(f"{self.commit}:{folder}", limit=_BLOCK, missing_too=True)
            whole = found.kind == "tree" and found.size <= _BLOCK
            object_format = self._repository.layout.object_format
            self._folders[folder] = tree_entries(found.data, object_format) if whole else None
        return self._folders[folder]

    def _content(self, path: str, file: TreeFile) -> bytes:
        if not file.is_file:
            raise _not_a_file(path, file.oddity)
        return _capped(path, self._repository.objects.read(file.id, limit=_limit(path)).data)

    def _refuse_what_hides(self, path: str) -> None:
        """A link or a submodule in place of one of the file's folders must not look like a missing file."""
        parents = [str(parent) for parent in PurePosixPath(path).parents][:-1]
        for found, file in files(self._repository, self.commit, *parents).items():
            if found in parents and not file.is_file:
                raise _not_a_file(found, file.oddity)


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
        _check_path(path)
        folder = self.root
        *parents, _ = parts = path.split("/")
        for depth, part in enumerate(parents, start=1):
            folder = folder / part
            if _is_link(folder):
                raise _not_a_file("/".join(parts[:depth]), "is a symbolic link")
        return _read_file(f"{self.root}/{path}", path, _limit(path))

    def read_each(self, file: str) -> Iterator[tuple[str, bytes]]:
        """See `Source`."""
        root, limit = os.fspath(self.root), _limit(file)
        for name in self.names():
            path = f"{FOLDER}/{name}/{file}"
            data = _read_file(f"{root}/{path}", path, limit)
            if data is not None:
                yield name, data

    def folder(self, folder: str) -> tuple[FolderFile, ...]:
        """See `Source`. Files that a commit would hold; their modes and bytes as they are on disk."""
        _check_path(folder)
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
            raise _not_a_file(shown, odd)
        descriptor = os.open(path, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _not_a_file(shown, "is not a file")
            return _capped(shown, _read_all(descriptor, limit + 1))
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if os.path.lexists(path) and (odd := _oddity(path)):
            raise _not_a_file(shown, odd) from error
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


def _limit(path: str) -> int:
    return DEFINITION_LIMIT if path.endswith(".yaml") else OTHER_LIMIT


def _capped(path: str, data: bytes) -> bytes:
    if len(data) > OTHER_LIMIT:
        raise Refusal(f"`{path}` is larger than {OTHER_LIMIT // 1024 // 1024} MiB")
    return data


def _check_path(path: str) -> None:
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise ValueError(f"not a path inside a catalog: {path!r}")


def _not_a_file(path: str, oddity: str) -> Refusal:
    return Refusal(f"`{path}` {oddity}, and only plain files are read", "put a plain file there")
