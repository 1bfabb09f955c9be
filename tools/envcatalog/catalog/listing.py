"""`list`: one row for each environment of the work tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcatalog.git.versions import latest_of_each
from envcatalog.model.result import Listed

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def list_environments(catalog: Catalog) -> tuple[Listed, ...]:
    """Sorted by name; broken definitions have no description."""
    newest = {name: version.number for name, version in latest_of_each(catalog.repository).items()}
    rows = []
    for name in catalog.content.names:
        found = catalog.content.reading(name).environment
        rows.append(
            Listed(
                name=name,
                kind=found.kind if found else "system",
                version=newest.get(name),
                aliases=found.aliases if found else (),
                description=found.description if found else "",
                deprecated=found.deprecated if found else None,
                archived=found.archived if found else False,
            )
        )
    return tuple(rows)
