"""The wheels of several platforms as packages: one version each where the platforms agree, a marker where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from envcatalog.model.lock import PlatformLock, Wheel

# Values of `platform_machine` (PEP 508) on Linux.
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One version of a package.

    Attributes:
        wheels: its files, sorted by name, each once.
        marker: on which machines it is wanted; empty for all that are exported.
    """

    name: str
    version: str
    wheels: tuple[Wheel, ...]
    marker: str = ""


def packages_of(locks: Sequence[PlatformLock]) -> tuple[Package, ...]:
    """Sorted by name, then in the order of the platforms."""
    found: dict[tuple[str, str], dict[str, Wheel]] = {}
    platforms: dict[tuple[str, str], list[str]] = {}
    for lock in locks:
        for wheel in lock.wheels:
            key = (wheel.name, wheel.version)
            found.setdefault(key, {})[wheel.file] = wheel
            platforms.setdefault(key, []).append(lock.platform)
    return tuple(
        Package(
            name=name,
            version=version,
            wheels=tuple(found[name, version][file] for file in sorted(found[name, version])),
            marker="" if len(platforms[name, version]) == len(locks) else machines(platforms[name, version]),
        )
        for name, version in sorted(found, key=lambda key: key[0])
    )


def machines(platforms: Sequence[str]) -> str:
    """A marker for some platforms."""
    return " or ".join(f'platform_machine == "{MACHINES[platform]}"' for platform in platforms)
