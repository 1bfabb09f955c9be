"""One folder through many commits: which files it held at each, read from tree objects by one process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from envcatalog.git.repository import CatalogRepository
from envcatalog.git.trees import TreeFile

_TREE_LIMIT = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder at one commit; `files` are its direct entries by name (not UTF-8: with surrogates)."""

    id: str
    files: Mapping[str, TreeFile]


def folders(repository: CatalogRepository, path: str, commits: Iterable[str]) -> dict[str, Folder]:
    """The folder at each commit (full ids); commits that do not hold it are left out."""
    wanted = list(dict.fromkeys(commits))
    if not wanted:
        return {}
    asked = "".join(f"{commit}:{path}\n" for commit in wanted).encode()
    out = repository.processes.output(
        "cat-file", "--buffer", "--batch-check=%(objecttype) %(objectname)", stdin=asked
    )
    ids = {}
    for commit, line in zip(wanted, out.decode(errors="replace").splitlines(), strict=True):
        kind, _, object_id = line.partition(" ")
        if kind == "tree":
            ids[commit] = object_id
    different = list(dict.fromkeys(ids.values()))
    trees = repository.objects.read_many(different, limit=_TREE_LIMIT)
    parsed = {
        item.id: Folder(id=item.id, files=tree_entries(item.data, repository.layout.object_format))
        for item in trees
    }
    return {commit: parsed[object_id] for commit, object_id in ids.items()}


def tree_entries(data: bytes, object_format: str) -> dict[str, TreeFile]:
    """The entries of a tree object by name. Source: git-mktree(1), "the tree object's format"."""
    width = 32 if object_format == "sha256" else 20
    found = {}
    position = 0
    while position < len(data):
        end = data.index(b"\0", position)
        mode, _, name = data[position:end].partition(b" ")
        position = end + 1 + width
        found[name.decode(errors="surrogateescape")] = TreeFile(
            mode=mode.decode().rjust(6, "0"), id=data[end + 1 : position].hex()
        )
    return found
