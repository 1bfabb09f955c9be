"""What an environment inherits: the union of all that its chain of bases has locked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from envcatalog.model.environment import DebianBase, Environment
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Bytecode, CondaPackage, Deb, Lock, PlatformLock, Wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The base environment together with all that it inherits itself.

    Attributes:
        environment: name of the base.
        plan_digest: of the base's image plan.
        platforms: the union of the chain's artefacts for each platform of the base.
        bytecode: the chain's compiling interpreter; None where no Python is in the chain.
        suite: of the Debian base at the root; None where the root is an image.
    """

    environment: str
    plan_digest: str
    platforms: tuple[PlatformLock, ...]
    bytecode: Bytecode | None = None
    suite: str | None = None

    @classmethod
    def of(cls, *, environments: Sequence[Environment], locks: Sequence[Lock], plan_digest: str) -> Parent:
        """From the chain of environments and their locks, the root first and the base itself last."""
        root, base = environments[0], environments[-1]
        known = [lock.bytecode for lock in locks if lock.bytecode is not None]
        return cls(
            environment=base.name,
            plan_digest=plan_digest,
            platforms=tuple(_union(locks, item.platform) for item in locks[-1].platforms),
            bytecode=known[-1] if known else None,
            suite=root.base.suite if isinstance(root.base, DebianBase) else None,
        )

    def debs(self, platform: str) -> tuple[Deb, ...]:
        """The Debian packages that are there already; Refusal for a platform that the base lacks."""
        return self._platform(platform).debs

    def wheels(self, platform: str) -> tuple[Wheel, ...]:
        """The wheels that are there already; Refusal for a platform that the base lacks."""
        return self._platform(platform).wheels

    def conda(self, platform: str) -> tuple[CondaPackage, ...]:
        """The conda packages that are there already; Refusal for a platform that the base lacks."""
        return self._platform(platform).conda

    @property
    def has_conda(self) -> bool:
        """Whether the prefix is one of conda."""
        return any(item.conda for item in self.platforms)

    def conda_versions(self) -> tuple[tuple[str, str, str], ...]:
        """Names, versions and builds over all platforms, sorted."""
        found = {(one.name, one.version, one.build) for item in self.platforms for one in item.conda}
        return tuple(sorted(found))

    def deb_versions(self) -> tuple[tuple[str, str], ...]:
        """Names and versions over all platforms, sorted."""
        return tuple(sorted({(deb.name, deb.version) for item in self.platforms for deb in item.debs}))

    def wheel_versions(self) -> tuple[tuple[str, str], ...]:
        """Names and versions over all platforms, sorted."""
        return tuple(
            sorted({(wheel.name, wheel.version) for item in self.platforms for wheel in item.wheels})
        )

    def _platform(self, platform: str) -> PlatformLock:
        for item in self.platforms:
            if item.platform == platform:
                return item
        known = ", ".join(f"`{item.platform}`" for item in self.platforms)
        raise Refusal(
            f"the base environment `{self.environment}` has no platform `{platform}`", f"it has {known}"
        )


def _union(locks: Sequence[Lock], platform: str) -> PlatformLock:
    parts = [item for lock in locks for item in lock.platforms if item.platform == platform]
    return PlatformLock(
        platform=platform,
        debs=tuple(sorted((deb for part in parts for deb in part.debs), key=lambda deb: deb.name)),
        conda=tuple(sorted((one for part in parts for one in part.conda), key=lambda one: one.name)),
        files=tuple(sorted((file for part in parts for file in part.files), key=lambda file: file.name)),
        wheels=tuple(
            sorted((wheel for part in parts for wheel in part.wheels), key=lambda wheel: wheel.name)
        ),
    )
