"""Definition to lock, bases before children, each file replaced in one step or left as it was."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from envcatalog.catalog.building.learning import with_known
from envcatalog.catalog.building.workshop import Workshop
from envcatalog.catalog.content import Content, Stale
from envcatalog.catalog.history.differ import Side, diff_sides
from envcatalog.catalog.places import environment_folder, lock_path
from envcatalog.lock.file import dump_lock, lock_digest
from envcatalog.lock.resolve import Parent, lock_environment
from envcatalog.model.environment import EnvironmentBase
from envcatalog.model.errors import Refusal, UserError
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
    rows = []
    for name in content.order(wanted):
        if name not in chosen and content.is_fresh(name):
            continue
        rows.append(
            _lock_one(
                content,
                name,
                workshop,
                upgrade=upgrade and name in chosen,
                upgrade_packages=upgrade_packages if name in chosen else frozenset(),
            )
        )
    return tuple(rows)


def parent_of(content: Content, name: str) -> Parent | None:
    """What a child must know of the environments it inherits from; None where it inherits from none."""
    environment = content.environment(name)
    if not isinstance(environment.base, EnvironmentBase):
        return None
    base = environment.base.environment
    chain = content.chain(base)
    return Parent.of(
        environments=chain,
        locks=tuple(content.fresh_lock(item.name) for item in chain),
        plan_digest=content.locked_plan(base).digest,
    )


def _lock_one(
    content: Content, name: str, workshop: Workshop, *, upgrade: bool, upgrade_packages: frozenset[str]
) -> Locked:
    previous, lock = solve(content, name, workshop, upgrade=upgrade, upgrade_packages=upgrade_packages)
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


def solve(
    content: Content, name: str, workshop: Workshop, *, upgrade: bool, upgrade_packages: frozenset[str]
) -> tuple[Lock | None, Lock]:
    """The lock as it is and as it should be, without what is known of its files; nothing is written.

    Bases must be locked already.

    Raises:
        Refusal: no set of packages satisfies the definition.
        UserError: the old lock cannot be read, or an index, mirror or registry cannot be reached.
    """
    environment = content.environment(name)
    try:
        previous = content.lock(name)
    except Refusal as error:
        if not upgrade:
            raise UserError(error.message, f"run `envcat lock --upgrade {name}` to make it anew") from error
        previous = None
    workshop.progress.step(f"locking {name}")
    lock = lock_environment(
        environment,
        settings=workshop.settings,
        parent=parent_of(content, name),
        previous=previous,
        upgrade=upgrade,
        upgrade_packages=upgrade_packages,
        images=workshop.images,
        cache=workshop.cache,
        progress=workshop.progress,
        files=content.folder(name) if environment.spark and environment.spark.jars else (),
    )
    if environment.dockerfile is None:
        return previous, lock
    from envcatalog.lock.dockerfile import lock_dockerfile

    locked = lock_dockerfile(
        environment,
        content.source.folder(environment_folder(name)),
        previous=previous,
        upgrade=upgrade,
        upgrade_packages=upgrade_packages,
        images=workshop.images,
        progress=workshop.progress,
    )
    return previous, replace(lock, dockerfile=locked)


def write_file(path: Path, data: bytes) -> None:
    """Replace a file in one step, and keep its mode; a kill leaves the old one. A link is replaced, not followed.

    Raises:
        UserError: the folder takes no file.
    """
    mode = _mode(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UserError(f"`{path}` cannot be written: {(error.strerror or '').lower()}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mode(path: Path) -> int:
    """Permissions of a plain file; of none, those that the umask gives a new one."""
    if path.is_file() and not path.is_symlink():
        return stat.S_IMODE(path.stat().st_mode) & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
