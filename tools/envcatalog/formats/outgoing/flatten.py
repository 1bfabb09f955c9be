"""A chain of environments, the root first, as one: for formats that know no inheritance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from typing import TypeVar

from envcatalog.model.environment import Conda, Container, Environment, Python, R, Spark
from envcatalog.model.lock import CondaPackage, Deb, Lock, LockedFile, PlatformLock, Wheel

Item = TypeVar("Item", bound=str | int)
Package = TypeVar("Package", Deb, CondaPackage, Wheel, LockedFile)
BASE_PATH = "${PATH}"  # in the variable PATH alone: what the base has there


def flatten(chain: Sequence[Environment]) -> Environment:
    """The last one with all that it inherits; its own name and metadata, the root's base."""
    return reduce(_over, chain)


def flatten_locks(locks: Sequence[Lock], platform: str) -> PlatformLock:
    """What a chain has locked for one platform, sorted by name; a child's package stands over its parent's."""
    parts = [item for lock in locks for item in lock.platforms if item.platform == platform]
    return PlatformLock(
        platform=platform,
        debs=_by_name(part.debs for part in parts),
        conda=_by_name(part.conda for part in parts),
        wheels=_by_name(part.wheels for part in parts),
        files=_by_name(part.files for part in parts),
    )


def _over(below: Environment, above: Environment) -> Environment:
    return replace(
        above,
        base=below.base,
        apt=_joined(below.apt, above.apt),
        python=_python(below.python, above.python),
        conda=_conda(below.conda, above.conda),
        r=_r(below.r, above.r),
        spark=_spark(below.spark, above.spark),
        managed="user" if "user" in (below.managed, above.managed) else "system",
        dockerfile=above.dockerfile or below.dockerfile,
        variables=_variables(dict(below.variables), dict(above.variables)),
        container=_container(below.container, above.container),
        inference=above.inference or below.inference,
    )


def _python(below: Python | None, above: Python | None) -> Python | None:
    if below is None or above is None:
        return above or below
    return replace(below, packages=_joined(below.packages, above.packages))


def _conda(below: Conda | None, above: Conda | None) -> Conda | None:
    if below is None or above is None:
        return above or below
    return replace(
        above,
        channels=_joined(above.channels, below.channels),
        packages=_joined(below.packages, above.packages),
        virtual_packages=tuple(
            sorted({**dict(below.virtual_packages), **dict(above.virtual_packages)}.items())
        ),
    )


def _r(below: R | None, above: R | None) -> R | None:
    if below is None or above is None:
        return above or below
    return R(packages=_joined(below.packages, above.packages))


def _spark(below: Spark | None, above: Spark | None) -> Spark | None:
    if below is None or above is None:
        return above or below
    return replace(
        above,
        packages=_joined(below.packages, above.packages),
        jars=_joined(below.jars, above.jars),
        conf=tuple(sorted({**dict(below.conf), **dict(above.conf)}.items())),
    )


def _variables(below: dict[str, str], above: dict[str, str]) -> tuple[tuple[str, str], ...]:
    if "PATH" in above:
        above["PATH"] = above["PATH"].replace(BASE_PATH, below.get("PATH", BASE_PATH))
    return tuple(sorted({**below, **above}.items()))


def _container(below: Container, above: Container) -> Container:
    # As `ENTRYPOINT` in a Dockerfile does, an entrypoint drops the command that it inherits.
    inherited = None if above.entrypoint else below.command
    return Container(
        user=above.user or below.user,
        workdir=above.workdir or below.workdir,
        entrypoint=above.entrypoint or below.entrypoint,
        command=above.command or inherited,
        ports=_joined(below.ports, above.ports),
        shm_size=above.shm_size or below.shm_size,
        gpus=above.gpus or below.gpus,
    )


def _joined(first: Iterable[Item], second: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _by_name(parts: Iterable[Iterable[Package]]) -> tuple[Package, ...]:
    found = {item.name: item for part in parts for item in part}
    return tuple(found[name] for name in sorted(found))
