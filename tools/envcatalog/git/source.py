"""Where definitions and locks are read from: the work tree or a commit, with one interface.

Neither follows a symbolic link: a commit has nothing to follow it to, and the work tree must answer alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Protocol

from envcatalog.git.folder_files import commit_files
from envcatalog.git.folders import tree_entries
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.trees import DEFINITION, FOLDER, SETTINGS, Listing, TreeFile, files, listing
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
        check_path(path)
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
                raise not_a_file(path, "is not a file")
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
        found = self._repository.objects.read(f"{self.commit}:{path}", limit=limit_of(path), missing_too=True)
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
        found = self._repository.objects.read_many(wanted.values(), limit=limit_of(file))
        for name, blob in zip(wanted, found, strict=True):
            yield name, capped(f"{FOLDER}/{name}/{file}", blob.data)

    def folder(self, folder: str) -> tuple[FolderFile, ...]:
        """See `Source`."""
        check_path(folder)
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
            raise not_a_file(path, file.oddity)
        return capped(path, self._repository.objects.read(file.id, limit=limit_of(path)).data)

    def _refuse_what_hides(self, path: str) -> None:
        """A link or a submodule in place of one of the file's folders must not look like a missing file."""
        parents = [str(parent) for parent in PurePosixPath(path).parents][:-1]
        for found, file in files(self._repository, self.commit, *parents).items():
            if found in parents and not file.is_file:
                raise not_a_file(found, file.oddity)


def limit_of(path: str) -> int:
    """Bytes after which a file is not read on."""
    return DEFINITION_LIMIT if path.endswith(".yaml") else OTHER_LIMIT


def capped(path: str, data: bytes) -> bytes:
    """The bytes; Refusal where there are too many."""
    if len(data) > OTHER_LIMIT:
        raise Refusal(f"`{path}` is larger than {OTHER_LIMIT // 1024 // 1024} MiB")
    return data


def check_path(path: str) -> None:
    """ValueError for what is no path inside a catalog."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise ValueError(f"not a path inside a catalog: {path!r}")


def not_a_file(path: str, oddity: str) -> Refusal:
    """What to raise for a link, a submodule or a device in place of a file."""
    return Refusal(f"`{path}` {oddity}, and only plain files are read", "put a plain file there")
