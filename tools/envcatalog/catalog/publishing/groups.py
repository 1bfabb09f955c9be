"""Environments to publish, dealt out to the jobs of a forge: bases in a stage of their own before all others.

A child's image starts with its base's layers, so a base that is published first is built once and not by each job
that needs it. Two stages are always enough: the bases of one family go to one job, which takes them in order.
"""

from __future__ import annotations

from collections.abc import Sequence

from envcatalog.catalog.content import Content
from envcatalog.model.errors import UserError
from envcatalog.model.plan import Action

Groups = tuple[tuple[str, ...], ...]


def publish_groups(content: Content, actions: Sequence[Action], *, limit: int) -> tuple[Groups, Groups]:
    """What is to be built or retagged: those that another one of it inherits from, then the rest.

    Both stages together have at most `limit` groups (two or more); those of a stage are about the same size, and
    within a group bases come first.

    Args:
        actions: bases before children, as `plan` gives them.
    """
    names = [item.environment for item in actions if item.action in ("build", "retag")]
    chains = {name: _chain(content, name) for name in names}
    needed = {base for chain in chains.values() for base in chain[:-1]} & set(names)
    families: dict[str, list[str]] = {}
    for name in names:
        if name in needed:
            families.setdefault(chains[name][0], []).append(name)
    bases = [tuple(family) for family in families.values()]
    rest: list[tuple[str, ...]] = [(name,) for name in names if name not in needed]
    first = _dealt(bases, max(1, limit // 4), chains)
    return first, _dealt(rest, limit - len(first), chains)


def _chain(content: Content, name: str) -> tuple[str, ...]:
    try:
        return tuple(item.name for item in content.chain(name))
    except UserError:
        return (name,)


def _dealt(families: list[tuple[str, ...]], limit: int, chains: dict[str, tuple[str, ...]]) -> Groups:
    """Neighbours stay together: what shares a base shares the layers in one machine's cache."""
    if len(families) <= limit:
        return tuple(families)
    families.sort(key=lambda family: chains[family[0]])
    total, done = sum(map(len, families)), 0
    groups: list[list[str]] = [[] for _ in range(limit)]
    for family in families:
        groups[done * limit // total] += family
        done += len(family)
    return tuple(tuple(group) for group in groups if group)
