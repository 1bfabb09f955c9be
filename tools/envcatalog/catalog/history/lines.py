"""The commits that changed one environment, as a graph, and the first version that holds each.

Git answers for a file far faster than for a folder: its changed-path filters are asked for every part of a path, and a
wrong "maybe" of one part is mended by the next. So where there are such filters, definition and lock are walked each on
its own, at the same time; the folder is walked where it holds more than these two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from envcatalog.git.folders import Folder, folders
from envcatalog.git.history import has_changed_paths, last_change, walk_folder
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.trees import DEFINITION, FOLDER, LOCK
from envcatalog.model.version import Commit, Version

FILES = (DEFINITION, LOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The commits that changed one path, newest first, each with those of them that came directly before it.

    Attributes:
        file: name of the file; empty for the folder.
    """

    file: str
    commits: Mapping[str, Commit]
    parents: Mapping[str, tuple[str, ...]]

    def reach(self, start: str) -> set[str]:
        """The commits that are, or came before, this one."""
        found: set[str] = set()
        waiting = [start]
        while waiting:
            commit = waiting.pop()
            if commit in self.parents and commit not in found:
                found.add(commit)
                waiting += self.parents[commit]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """All that changed one environment.

    Attributes:
        folders: the environment's folder at each commit and version.
        version_of: commit to the number of the first version that holds it.
    """

    lines: tuple[Line, ...]
    folders: Mapping[str, Folder]
    version_of: Mapping[str, int]

    @property
    def commits(self) -> dict[str, Commit]:
        """All commits, newest first."""
        found = {key: commit for line in self.lines for key, commit in line.commits.items()}
        if len(self.lines) == 1:
            return found
        return dict(sorted(found.items(), key=lambda item: _seconds(item[1]), reverse=True))

    def before(self, commit: str, file: str) -> str | None:
        """Object id of a file before a commit; None where it did not exist."""
        for line in self.lines:
            if line.file in ("", file) and commit in line.parents:
                earlier = line.parents[commit][:1]
                return object_id(self.folders.get(earlier[0]), file) if earlier else None
        return object_id(self.folders.get(commit), file)

    def after(self, commit: str, file: str) -> str | None:
        """Object id of a file at a commit."""
        return object_id(self.folders.get(commit), file)


def read_lines(
    repository: CatalogRepository,
    name: str,
    tip: str | None,
    versions: Sequence[Version],
    files: Iterable[str],
) -> Lines:
    """Walk from `tip` and from all versions.

    Args:
        versions: ascending.
        files: what to follow, of `FILES`; the folder is followed where it holds other files, too.
    """
    path = f"{FOLDER}/{name}"
    tips = list(dict.fromkeys([*([tip] if tip else []), *(version.commit for version in versions)]))
    known = folders(repository, path, tips)
    others = any(file not in FILES for folder in known.values() for file in folder.files)
    apart = not others and has_changed_paths(repository)
    chosen = tuple(files) if apart else ("",)
    walks = [walk_folder(repository, f"{path}/{file}".rstrip("/"), tips) for file in chosen] if tips else []
    lines = []
    for file, walk in zip(chosen, walks, strict=False):
        steps = list(walk)
        lines.append(
            Line(
                file=file,
                commits={commit.id: commit for commit, _ in steps},
                parents={commit.id: parents for commit, parents in steps},
            )
        )
    changed = [commit for line in lines for commit in line.commits if commit not in known]
    known |= folders(repository, path, changed)
    version_of: dict[str, int] = {}
    for line in lines:
        _assign(repository, path, line, versions, known, version_of)
    return Lines(lines=tuple(lines), folders=known, version_of=version_of)


def _assign(
    repository: CatalogRepository,
    path: str,
    line: Line,
    versions: Sequence[Version],
    known: Mapping[str, Folder],
    version_of: dict[str, int],
) -> None:
    by_content: dict[str | None, list[str]] = {}
    for commit in line.commits:
        by_content.setdefault(object_id(known.get(commit), line.file), []).append(commit)
    taken: set[str] = set()
    for version in versions:
        newest = version.commit
        if newest not in line.commits:
            same = by_content.get(object_id(known.get(newest), line.file), [])
            # Where the same content came twice, only Git can say which of the two this version holds.
            found = (
                same[0]
                if len(same) == 1
                else last_change(repository, f"{path}/{line.file}".rstrip("/"), newest)
            )
            newest = found or newest
        for commit in line.reach(newest) - taken:
            taken.add(commit)
            version_of[commit] = min(version.number, version_of.get(commit, version.number))


def object_id(folder: Folder | None, file: str) -> str | None:
    """Of a file in a folder, or of the folder itself where the file has no name."""
    if folder is None or not file:
        return folder.id if folder else None
    found = folder.files.get(file)
    return found.id if found and found.is_file else None


def _seconds(commit: Commit) -> float:
    from datetime import datetime

    return datetime.fromisoformat(commit.date).timestamp()
