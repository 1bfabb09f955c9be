"""Which environments a change can touch: their own folder, a base's, or the settings, since a commit."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from envcatalog.catalog.places import SETTINGS_PATH, definition_path
from envcatalog.git.changes import definitions_holding, touched_since
from envcatalog.git.refs import resolve
from envcatalog.model.environment import EnvironmentBase
from envcatalog.model.errors import Refusal
from envcatalog.model.names import is_name

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def changed_environments(catalog: Catalog, revision: str) -> tuple[str, ...]:
    """Names of the work tree's environments that differ from a commit, or inherit from one that does; sorted.

    Raises:
        UserError: `revision` names no commit.
    """
    commit = resolve(catalog.repository, revision)
    with ThreadPoolExecutor(1) as pool:  # both ask the disk for every file, so they wait together
        waiting = pool.submit(_possible_heirs, catalog)
        paths = touched_since(catalog.repository, commit)
        possible = waiting.result()
    if SETTINGS_PATH in paths:
        return catalog.content.names
    touched = {parts[1] for parts in (path.split("/") for path in paths) if len(parts) > 2}
    if not touched:
        return ()
    touched |= _heirs(catalog, touched, possible)
    return tuple(sorted(name for name in touched if _definition(catalog, name) is not None))


def _possible_heirs(catalog: Catalog) -> dict[str, bytes]:
    """Definitions that may name a base: by its letters, or with an escape. Most need not be parsed, nor even read."""
    names = definitions_holding(catalog.repository, "environment", "\\")
    return {name: _definition(catalog, name) or b"" for name in names}


def _heirs(catalog: Catalog, touched: set[str], tracked: Mapping[str, bytes]) -> set[str]:
    # Those that Git does not track are touched already.
    possible = {name: _definition(catalog, name) or b"" for name in touched if name not in tracked}
    possible |= tracked
    heirs: set[str] = set()
    new = touched
    while new:
        needles = [name.encode() for name in new if is_name(name)]
        found = set()
        for name, data in possible.items():
            if b"\\" in data or any(needle in data for needle in needles):
                environment = catalog.content.reading(name).environment if data else None
                base = environment.base if environment else None
                if isinstance(base, EnvironmentBase) and base.environment in new:
                    found.add(name)
        new = found - heirs - touched
        heirs |= new
    return heirs


def _definition(catalog: Catalog, name: str) -> bytes | None:
    if not is_name(name):
        return None
    try:
        return catalog.content.source.read(definition_path(name))
    except Refusal:  # a link or no file: `validate` says so
        return None
