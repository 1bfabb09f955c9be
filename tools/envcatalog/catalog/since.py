"""Which environments a change can touch: their own folder, a base's, or the settings, since a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcatalog.catalog.places import SETTINGS_PATH
from envcatalog.git.changes import touched_since
from envcatalog.git.refs import resolve
from envcatalog.git.trees import DEFINITION
from envcatalog.model.environment import EnvironmentBase

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def changed_environments(catalog: Catalog, revision: str) -> tuple[str, ...]:
    """Names of the work tree's environments that differ from a commit, or inherit from one that does; sorted.

    Raises:
        UserError: `revision` names no commit.
    """
    paths = touched_since(catalog.repository, resolve(catalog.repository, revision))
    if SETTINGS_PATH in paths:
        return catalog.content.names
    touched = {parts[1] for parts in (path.split("/") for path in paths) if len(parts) > 2}
    if not touched:
        return ()
    touched |= _heirs(catalog, touched)
    return tuple(name for name in catalog.content.names if name in touched)


def _heirs(catalog: Catalog, touched: set[str]) -> set[str]:
    # A base is named by its letters, or with an escape. So most definitions need not be parsed.
    possible = {
        name: data
        for name, data in catalog.content.source.read_each(DEFINITION)
        if b"environment" in data or b"\\" in data
    }
    heirs: set[str] = set()
    new = touched
    while new:
        needles = [name.encode() for name in new if name.isascii()]
        found = set()
        for name, data in possible.items():
            if b"\\" in data or any(needle in data for needle in needles):
                environment = catalog.content.reading(name).environment
                base = environment.base if environment else None
                if isinstance(base, EnvironmentBase) and base.environment in new:
                    found.add(name)
        new = found - heirs - touched
        heirs |= new
    return heirs
