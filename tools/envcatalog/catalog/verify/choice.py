"""Which versions `verify` was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envcatalog.catalog.history.reference import parse_reference
from envcatalog.catalog.history.resolve import resolve_reference
from envcatalog.git.versions import scan
from envcatalog.model.errors import UserError

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which versions: numbers by name, None for all of a name; no names at all for everything."""

    numbers: Mapping[str, frozenset[int] | None]

    def has(self, name: str, number: int) -> bool:
        """Whether this version was asked for."""
        if not self.numbers:
            return True
        wanted = self.numbers.get(name, frozenset())
        return wanted is None or number in wanted

    def has_all(self, name: str) -> bool:
        """Whether all versions of the name were."""
        return not self.numbers or (name in self.numbers and self.numbers[name] is None)


def choose(catalog: Catalog, references: Sequence[str]) -> Chosen:
    """What the references name; UserError for one that names no version."""
    numbers: dict[str, frozenset[int] | None] = {}
    for text in references:
        reference = parse_reference(text)
        name = reference.name
        if not reference.at:
            numbers[name] = None
        elif numbers.get(name, frozenset()) is not None:
            number = reference.number
            if number is None:
                number = _number_of(catalog, name, reference.at)
            numbers[name] = (numbers.get(name) or frozenset()) | {number}
    return Chosen(numbers=numbers)


def _number_of(catalog: Catalog, name: str, at: str) -> int:
    have = [version.number for version in scan(catalog.repository, name).versions]
    if at == "latest" and have:
        return max(have)
    aliases = dict(catalog.content.environment(name).aliases) if name in catalog.content.names else {}
    if at in aliases:  # also of a version whose tag is wrong, which is what is to be found
        return aliases[at]
    found = resolve_reference(catalog, f"{name}@{at}")
    if found.version is None:
        raise UserError(f"`{name}@{at[:80]}` names no version", "use `name`, `name@3` or `name@prod`")
    return found.version.number
