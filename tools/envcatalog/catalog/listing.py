"""`list`: one row for each environment of the work tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcatalog.definition.text.skim import skim
from envcatalog.git.numbers import newest_numbers
from envcatalog.git.trees import DEFINITION
from envcatalog.model.names import CURATED_PREFIX
from envcatalog.model.result import Listed

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def list_environments(catalog: Catalog) -> tuple[Listed, ...]:
    """Sorted by name; definitions that cannot be read have no description."""
    catalog.all_names()
    catalog.warn_without_tags()
    newest = newest_numbers(catalog.repository, catalog.known)
    rows = []
    for name, data in catalog.content.source.read_each(DEFINITION):
        skimmed = skim(data)
        if skimmed is not None:
            rows.append(
                Listed(
                    name=name,
                    kind="curated" if name.startswith(CURATED_PREFIX) else "system",
                    version=newest.get(name),
                    aliases=skimmed.aliases,
                    description=skimmed.description,
                )
            )
            continue
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
