"""The environments of one commit, by one `git ls-tree`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.model.names import is_name

FOLDER = "catalog"
DEFINITION = "environment.yaml"
LOCK = "lock.json"
SETTINGS = f"{FOLDER}/catalog.yaml"

_FILE_MODES = ("100644", "100755")
_ODD_MODES = {"120000": "is a symbolic link", "160000": "is a submodule"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """One environment in a commit: the ids of its files; `lock` is None where there is none."""

    name: str
    definition: str
    lock: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What `catalog/` holds in a commit.

    Attributes:
        environments: by name, sorted.
        settings: id of `catalog/catalog.yaml`; None where there is none.
        skipped: links, submodules and folders whose name is none.
    """

    environments: Mapping[str, TreeEntry]
    settings: str | None
    skipped: tuple[Suspicion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """One path in a commit; `mode` as Git writes it (``100644``)."""

    mode: str
    id: str

    @property
    def is_file(self) -> bool:
        """A regular file, neither a link nor a submodule."""
        return self.mode in _FILE_MODES

    @property
    def oddity(self) -> str:
        """What it is instead of a file; empty for a file."""
        return "" if self.is_file else _ODD_MODES.get(self.mode, "is not a file")


def environments(repository: CatalogRepository, revision: str | None) -> Mapping[str, TreeEntry]:
    """The environments of a commit (a full id; None for the current one) by name."""
    return listing(repository, revision or repository.require_head()).environments


def files(repository: CatalogRepository, commit: str, *paths: str) -> dict[str, TreeFile]:
    """All files at or below these paths in a commit (a full id), by path (not UTF-8: with surrogates).

    A link or a submodule in the way appears itself; nothing behind it does.
    """
    found = {}
    out = repository.processes.output("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths)
    for record in out.decode(errors="surrogateescape").split("\0")[:-1]:
        facts, path = record.split("\t", 1)
        mode, _, object_id = facts.split(" ")
        found[path] = TreeFile(mode=mode, id=object_id)
    return found


def listing(repository: CatalogRepository, commit: str) -> Listing:
    """What `catalog/` holds in a commit (a full id)."""
    definitions: dict[str, str] = {}
    locks: dict[str, str] = {}
    skipped = []
    settings = None
    for path, file in files(repository, commit, FOLDER).items():
        parts = path.split("/")
        if not file.is_file and _is_in_the_way(parts):
            skipped.append(Suspicion(where=path, reason=file.oddity))
        elif path == SETTINGS:
            settings = file.id
        elif len(parts) != 3 or parts[2] not in (DEFINITION, LOCK):
            continue
        elif not is_name(parts[1]):
            skipped.append(Suspicion(where=path, reason="is in a folder whose name is not valid"))
        else:
            (definitions if parts[2] == DEFINITION else locks)[parts[1]] = file.id
    for name in sorted(locks.keys() - definitions.keys()):
        skipped.append(Suspicion(where=f"{FOLDER}/{name}", reason=f"has a `{LOCK}` but no `{DEFINITION}`"))
    entries = {
        name: TreeEntry(name=name, definition=definitions[name], lock=locks.get(name))
        for name in sorted(definitions)
    }
    return Listing(environments=entries, settings=settings, skipped=tuple(skipped))


def _is_in_the_way(parts: list[str]) -> bool:
    """`catalog` itself, an environment's folder, or one of the files that we read."""
    return len(parts) <= 2 or (len(parts) == 3 and parts[2] in (DEFINITION, LOCK))
