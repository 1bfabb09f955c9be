"""Which artefacts share a layer: a rule by size class and name, so that a change moves nothing but itself.

An artefact's layer depends on its name, on the rung of the ladder that its size is on, and on how many
artefacts there are; never on its version or its exact size, nor on the order of the input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

from envcatalog.model.lock import Artefact

BUCKETS = 8
_FIRST_RUNG = 64 * 1024

A = TypeVar("A", bound=Artefact)


def split_artefacts(artefacts: Iterable[A], budget: int) -> tuple[tuple[A, ...], ...]:
    """Groups of artefacts, at most `budget` of them (at least 1), each sorted by name; a group is a layer.

    The lowest rung of 0, 64 KiB, 256 KiB, 1 MiB, 4 MiB ... is taken at which it fits: each artefact of that
    size and above stands alone, the smaller ones share up to 8 buckets by SHA-256 of their names. Those that
    stand alone come first, by name, then the buckets.
    """
    if budget < 1:
        raise ValueError(f"a budget of {budget} layers")
    ordered = sorted(artefacts, key=lambda artefact: artefact.name)
    if len({artefact.name for artefact in ordered}) != len(ordered):
        raise ValueError("two artefacts have one name")
    largest = max((artefact.size for artefact in ordered), default=0)
    for rung in _rungs(largest):
        groups = _split_at(ordered, rung, min(BUCKETS, budget))
        if len(groups) <= budget:
            return groups
    raise AssertionError("the last rung is above all sizes, where only the buckets are left")


def _rungs(largest: int) -> Iterator[int]:
    yield 0
    rung = _FIRST_RUNG
    while rung <= largest:
        yield rung
        rung *= 4
    yield rung


def _split_at(ordered: list[A], rung: int, buckets: int) -> tuple[tuple[A, ...], ...]:
    alone = [(artefact,) for artefact in ordered if artefact.size >= rung]
    shared: dict[int, list[A]] = {}
    for artefact in ordered:
        if artefact.size < rung:
            shared.setdefault(_bucket(artefact.name, buckets), []).append(artefact)
    return (*alone, *(tuple(shared[number]) for number in sorted(shared)))


def _bucket(name: str, buckets: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % buckets
