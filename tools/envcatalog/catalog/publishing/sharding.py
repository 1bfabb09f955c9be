"""One part of n of a catalog: the parts are disjoint, their union is everything, and every machine agrees on them.

A family (all that inherits from one root) goes to one part, so that the layers of its bases are made on one machine.
A family larger than two fair shares would leave the other machines idle; it is dealt out by its members' own names,
and each machine that gets some makes, or finds in the registry, the same layers of the base.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from envcatalog.catalog.content import Content
from envcatalog.model.errors import UserError

_LARGE = 2  # fair shares
_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Part `number` of `count`, from 1."""

    number: int
    count: int


def read_shard(text: str) -> Shard:
    """``2/5``; UserError for anything else."""
    found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count <= _MOST:
        raise UserError(f"`{text[:40]}` is no part of a whole", "write `1/4` for the first of four parts")
    return Shard(number=number, count=count)


def shard_names(content: Content, names: Iterable[str], shard: Shard) -> tuple[str, ...]:
    """The names that belong to the part, sorted; all parts must be asked with the same content and names."""
    chosen = sorted(set(names) or content.names)
    roots = {name: _root(content, name) for name in chosen}
    sizes = Counter(roots.values())
    limit = _LARGE * len(chosen) / shard.count

    def place(name: str) -> int:
        key = roots[name] if sizes[roots[name]] <= limit else name
        return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % shard.count + 1

    return tuple(name for name in chosen if place(name) == shard.number)


def _root(content: Content, name: str) -> str:
    try:
        return content.chain(name)[0].name
    except UserError:  # publish says what is wrong with it, in one part or another
        return name
