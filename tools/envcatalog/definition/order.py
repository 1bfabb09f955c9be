"""The order in which environments are built: a parent before its children."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping

from envcatalog.model.environment import Environment, EnvironmentBase


def base_first(environments: Mapping[str, Environment]) -> tuple[str, ...]:
    """All names, parents before children and otherwise by name; parents that are not among them do not count.

    Raises:
        ValueError: the bases form a cycle.
    """
    children: dict[str, list[str]] = defaultdict(list)
    ready = []
    for name, environment in environments.items():
        base = environment.base
        if isinstance(base, EnvironmentBase) and base.environment in environments:
            children[base.environment].append(name)
        else:
            ready.append(name)
    heapq.heapify(ready)
    ordered = []
    while ready:
        name = heapq.heappop(ready)
        ordered.append(name)
        for child in children[name]:
            heapq.heappush(ready, child)
    if len(ordered) != len(environments):
        left = ", ".join(sorted(environments.keys() - set(ordered)))
        raise ValueError(f"the bases of these environments form a cycle: {left}")
    return tuple(ordered)
