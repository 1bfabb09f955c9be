"""Definition to lock, bases before children, each file replaced in one step or left as it was."""

from __future__ import annotations

from collections.abc import Iterable

from envcatalog.catalog.building.learning import with_known
from envcatalog.catalog.building.solving import Renewal, Solving
from envcatalog.catalog.building.workshop import Workshop
from envcatalog.catalog.content import Content, Stale
from envcatalog.catalog.history.differ import Side, diff_sides
from envcatalog.catalog.places import lock_path
from envcatalog.catalog.writing import write_file
from envcatalog.lock.file import dump_lock, lock_digest
from envcatalog.model.lock import Lock
from envcatalog.model.result import Locked


def check_locks(content: Content, names: Iterable[str]) -> tuple[Locked, ...]:
    """Which locks are stale; nothing is fetched or written.

    Raises:
        ProblemsFound: a definition has problems.
    """
    rows = []
    for name in content.order(names):
        try:
            rows.append(
                Locked(environment=name, status="unchanged", lock=lock_digest(content.fresh_lock(name)))
            )
        except Stale:
            rows.append(Locked(environment=name, status="stale"))
    return tuple(rows)


def lock_names(
    content: Content,
    names: Iterable[str],
    workshop: Workshop,
    *,
    upgrade: bool = False,
    upgrade_packages: frozenset[str] = frozenset(),
) -> tuple[Locked, ...]:
    """Lock the environments, and first those they inherit from whose own lock is stale.

    Raises:
        ProblemsFound: a definition has problems; nothing was written.
        Refusal: no set of packages satisfies a definition; locks written before it stay, its own old one too.
    """
    chosen = set(names)
    wanted = set(chosen)
    for name in chosen:
        wanted |= {item.name for item in content.chain(name)}
    rows: list[Locked] = []
    renewal = Renewal(everything=upgrade, packages=upgrade_packages)

    def keep(name: str, previous: Lock | None, lock: Lock) -> None:
        rows.append(_keep(content, name, previous, lock, workshop))

    Solving(content, wanted, dict.fromkeys(chosen, renewal), workshop).run(keep)
    return tuple(rows)


def _keep(content: Content, name: str, previous: Lock | None, lock: Lock, workshop: Workshop) -> Locked:
    lock = with_known(content, name, lock, previous=previous, workshop=workshop)
    environment = content.environment(name)
    path = workshop.root / lock_path(name)
    data = dump_lock(lock)
    changes = diff_sides(
        Side(environment=environment, lock=previous), Side(environment=environment, lock=lock)
    )
    content.replace_lock(name, lock)
    if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
        return Locked(environment=name, status="unchanged", lock=lock_digest(lock))
    write_file(path, data)
    return Locked(environment=name, status="written", lock=lock_digest(lock), changes=changes)
