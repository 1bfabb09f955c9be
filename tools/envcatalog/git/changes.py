"""What differs: work tree and index from the current commit, and one commit from another.

Git compares a file by running the filters that its attributes name, and those are programs from the
repository's settings. So files are hashed here, as they are.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from envcatalog.git.process import failure
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.trees import DEFINITION, FOLDER, SETTINGS, TreeFile, files

_CHUNK = 1024 * 1024
_TEXT_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """`ids` None for a path in conflict; `skipped` are not in the work tree on purpose (sparse checkout)."""

    ids: dict[str, str | None]
    skipped: frozenset[str]
    untracked: frozenset[str]


def changed(repository: CatalogRepository, name: str) -> bool:
    """Whether `catalog/<name>/` or `catalog/catalog.yaml` holds anything that the current commit does not."""
    return bool(changed_paths(repository, f"{FOLDER}/{name}", SETTINGS))


def changed_names(repository: CatalogRepository) -> frozenset[str]:
    """Names of all environments with uncommitted changes."""
    return _names(changed_paths(repository, FOLDER))


def changed_since(repository: CatalogRepository, revision: str, until: str | None = None) -> frozenset[str]:
    """Names of environments whose folders differ between two commits (full ids; `until` None: current)."""
    head = until or repository.require_head()
    arguments = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--end-of-options", revision, head)
    out = repository.processes.output(*arguments, "--", FOLDER)
    return _names(tuple(out.decode(errors="surrogateescape").split("\0")[:-1]))


def touched_since(repository: CatalogRepository, commit: str) -> frozenset[str]:
    """Files below `catalog/` that may differ from a commit (a full id), in the index or on disk.

    Quick where `changed_paths` is exact: Git's own notes on sizes and times decide, so that a file which was only
    written again may be among them. Files that Git ignores are not.
    """
    arguments = ("diff-index", "--cached", "-z", "--name-only", "--no-renames", commit, "--", FOLDER)
    with ThreadPoolExecutor(1) as pool:
        committed = pool.submit(repository.processes.output, *arguments)
        on_disk = _touched_on_disk(repository)
        return frozenset((*_listed(committed.result()), *on_disk))


def _touched_on_disk(repository: CatalogRepository) -> Sequence[str]:
    drivers = _filter_drivers(repository)
    if any("=" in driver for driver in drivers):  # cannot be switched off on a command line
        return changed_paths(repository, FOLDER)
    # Where times do not tell, Git compares contents, through the programs that attributes and settings name.
    settings = [
        f"filter.{driver}.{key}" for driver in drivers for key in ("clean=", "process=", "required=false")
    ]
    without = [part for setting in settings for part in ("-c", setting)]
    found = ("ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard", "--", FOLDER)
    return _listed(repository.processes.output(*without, *found))


def definitions_holding(repository: CatalogRepository, *texts: str) -> tuple[str, ...]:
    """Names of environments whose definition on disk, if Git tracks it, holds one of these texts; sorted."""
    patterns = [part for text in texts for part in ("-e", text)]
    # The one place where a path is a pattern: ten thousand paths would not fit a command line.
    arguments = (
        "--no-literal-pathspecs",
        "grep",
        "-z",
        "-l",
        "-a",
        "-F",
        "--full-name",
        "--no-textconv",
        *patterns,
    )
    result = repository.processes.read(*arguments, "--", f":(top,glob){FOLDER}/*/{DEFINITION}")
    if result.code not in (0, 1):  # 1: nothing found
        raise failure(result, arguments[1:])
    return tuple(sorted(_names(tuple(_listed(result.out)))))


def _filter_drivers(repository: CatalogRepository) -> tuple[str, ...]:
    found = repository.processes.read("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
    names = (key.removeprefix("filter.").rpartition(".")[0] for key in _listed(found.out))
    return tuple(dict.fromkeys(name for name in names if name))


def _listed(out: bytes) -> list[str]:
    return out.decode(errors="surrogateescape").split("\0")[:-1]


def changed_paths(repository: CatalogRepository, *paths: str) -> tuple[str, ...]:
    """Files at or below these paths that differ from the current commit, on disk or in the index; sorted.

    New files count unless Git ignores them; file modes do not, nor do line ends that a checkout made CRLF.
    A bare repository has neither, so nothing differs there.
    """
    if repository.layout.is_bare:
        return ()
    head = repository.head()
    committed = files(repository, head, *paths) if head else {}
    index = _read_index(repository, *paths)
    found = set(index.untracked)
    for path in committed.keys() | index.ids.keys():
        file = committed.get(path)
        if file is None or index.ids.get(path) != file.id or not _is_same(repository, path, file, index):
            found.add(path)
    return tuple(sorted(found))


def _read_index(repository: CatalogRepository, *paths: str) -> _Index:
    arguments = (
        "ls-files",
        "-z",
        "-t",
        "--stage",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        *paths,
    )
    ids: dict[str, str | None] = {}
    skipped, untracked = set(), set()
    for record in repository.processes.output(*arguments).decode(errors="surrogateescape").split("\0")[:-1]:
        status, rest = record[0], record[2:]
        if status == "?":
            untracked.add(rest)
            continue
        facts, path = rest.split("\t", 1)
        _, object_id, stage = facts.split(" ")
        ids[path] = object_id if stage == "0" else None
        if status == "S":
            skipped.add(path)
    return _Index(ids=ids, skipped=frozenset(skipped), untracked=frozenset(untracked))


def _is_same(repository: CatalogRepository, path: str, file: TreeFile, index: _Index) -> bool:
    place = repository.root / path
    try:
        mode = os.lstat(place).st_mode
    except OSError:
        return path in index.skipped
    if file.mode == "120000":
        link = os.fsencode(place.readlink()) if stat.S_ISLNK(mode) else None
        return link is not None and _blob_id(link, repository.layout.object_format) == file.id
    if not file.is_file:
        return stat.S_ISDIR(mode)
    return stat.S_ISREG(mode) and _holds(place, file.id, repository.layout.object_format)


def _holds(path: Path, object_id: str, object_format: str) -> bool:
    size = path.stat().st_size
    if size > _TEXT_LIMIT:
        return _large_id(path, size, object_format) == object_id
    data = path.read_bytes()
    if _blob_id(data, object_format) == object_id:
        return True
    return b"\r\n" in data and _blob_id(data.replace(b"\r\n", b"\n"), object_format) == object_id


def _blob_id(data: bytes, object_format: str) -> str:
    return hashlib.new(object_format, b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _large_id(path: Path, size: int, object_format: str) -> str:
    digest = hashlib.new(object_format, b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _names(paths: tuple[str, ...]) -> frozenset[str]:
    return frozenset(parts[1] for parts in (path.split("/") for path in paths) if len(parts) > 2)
