"""What a pull request changes: for each environment that it touches, definition, lock and metadata before and after.

Only Git objects and files are read; nothing of them is fetched or run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.catalog.history.compare import NOTHING, compare_sides, side_of
from envcatalog.catalog.history.differ import Side
from envcatalog.catalog.places import definition_path
from envcatalog.git.changes import changed_names, changed_since
from envcatalog.git.refs import resolve
from envcatalog.model.change import Change, ChangeKind, Reviewed
from envcatalog.model.environment import Environment
from envcatalog.model.errors import UserError

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

MAX_REVIEWED = 200  # a comment holds no more, and a pull request may touch ten thousand


def review(catalog: Catalog, since: str) -> tuple[tuple[Reviewed, ...], int]:
    """Environments whose folders differ from a commit, sorted by name, and how many were left out.

    Raises:
        UserError: `since` names no commit.
    """
    base = resolve(catalog.repository, since)
    names = sorted(changed_since(catalog.repository, base) | changed_names(catalog.repository))
    chosen = names[:MAX_REVIEWED]
    rows = (_reviewed(catalog.at(base), catalog.content, name) for name in chosen)
    return tuple(row for row in rows if row is not None), len(names) - len(chosen)


def _reviewed(before: Content, after: Content, name: str) -> Reviewed | None:
    try:
        old, new = _side(before, name), _side(after, name)
        found = compare_sides(old, new)
    except UserError:
        return Reviewed(environment=name, note="cannot be read: see what validate says")
    if new.environment is None:
        return Reviewed(environment=name, note="removed") if old.environment else None
    changes = (*_metadata(old.environment, new.environment), *found.changes)
    downloads = tuple(item for item in found.downloads if item.before != item.after)
    installed = tuple(item for item in found.installed if item.before != item.after)
    if not changes and not downloads:
        return Reviewed(environment=name, note="nothing that is built changes")
    return Reviewed(environment=name, changes=changes, downloads=downloads, installed=installed)


def _side(content: Content, name: str) -> Side:
    if content.source.read(definition_path(name)) is None:
        return NOTHING
    return side_of(content, name)


def _metadata(before: Environment | None, after: Environment) -> list[Change]:
    old, new = _facts(before) if before else {}, _facts(after)
    changes = []
    for path in sorted(old.keys() | new.keys()):
        was, now = old.get(path), new.get(path)
        if was != now:
            kind: ChangeKind = "added" if was is None else "removed" if now is None else "changed"
            changes.append(Change(path=path, kind=kind, before=was, after=now))
    return changes


def _facts(environment: Environment) -> dict[str, str]:
    """What is in no digest, as text by path."""
    facts = {f"aliases.{alias}": str(version) for alias, version in environment.aliases}
    facts |= {f"tags.{key}": value for key, value in environment.tags}
    if environment.description:
        facts["description"] = environment.description
    if environment.owners:
        facts["owners"] = ", ".join(environment.owners)
    if environment.archived:
        facts["archived"] = "true"
    deprecated = environment.deprecated
    if deprecated is not None:
        ranges = ",".join(str(item) for item in deprecated.versions) or "all versions"
        facts["deprecated"] = f"{ranges}: {deprecated.reason}"
    return facts
