"""Whole locks of environments with conda packages."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envcatalog.lock.file import dump_lock, load_lock
from envcatalog.lock.resolve import Parent, lock_environment
from envcatalog.model.environment import Conda, Environment, EnvironmentBase, ImageBase, Python
from envcatalog.model.lock import CondaPackage, Lock
from envcatalog.model.seams import Silent
from envcatalog.model.settings import CondaChannel, PackageIndex, Settings

AMD64, ARM64 = "linux/amd64", "linux/arm64"
PLAN = "sha256:" + "e" * 64


class Images:
    """A registry that has every image."""

    digest = "sha256:" + "1" * 64
    manifests = ((AMD64, digest), (ARM64, digest))

    def resolve(self, reference: str) -> Images:
        """The same for all."""
        del reference
        return self


@dataclass
class Locking:
    """Locks environments on a base image, one after another, each with what came before it."""

    cache: Path
    channels: dict[str, str]
    indexes: tuple[PackageIndex, ...] = ()
    steps: list[str] = field(default_factory=list)

    def __call__(
        self,
        *packages: str,
        wheels: tuple[str, ...] = (),
        python: str | None = None,
        platforms: tuple[str, ...] = (AMD64,),
        parent: Parent | None = None,
        previous: Lock | None = None,
        upgrade: bool = False,
        upgrade_packages: frozenset[str] = frozenset(),
        conda: bool = True,
        **fields: Any,
    ) -> Lock:
        """Lock, and read the lock's file back."""
        environment = Environment(
            name="child" if parent else "demo",
            base=EnvironmentBase(environment="demo") if parent else ImageBase(image="example.com/base:1"),
            conda=Conda(channels=tuple(self.channels), packages=packages, **fields) if conda else None,
            python=Python(version=python, packages=wheels) if python else None,
            platforms=platforms,
        )
        lock = lock_environment(
            environment,
            settings=self.settings,
            parent=parent,
            previous=previous,
            upgrade=upgrade,
            upgrade_packages=upgrade_packages,
            images=Images(),
            cache=self.cache,
            progress=self,
        )
        assert load_lock(dump_lock(lock), "lock.json") == lock
        return lock

    @property
    def settings(self) -> Settings:
        """The channels and indexes."""
        channels = (CondaChannel(name=name, url=url) for name, url in self.channels.items())
        return Settings(channels=tuple(channels), indexes=self.indexes)

    def step(self, text: str) -> None:
        """Part of `Progress`."""
        self.steps.append(text)

    def bar(self, title: str, total: int | None) -> Any:
        """Part of `Progress`."""
        return Silent().bar(title, total)


def as_parent(lock: Lock) -> Parent:
    """The lock as the base of another environment."""
    base = Environment(name="demo", base=ImageBase(image="example.com/base:1"))
    return Parent.of(environments=(base,), locks=(lock,), plan_digest=PLAN)


def versions(lock: Lock, platform: str = AMD64) -> dict[str, str]:
    """Conda package to its version."""
    return {package.name: package.version for package in lock.platform(platform).conda}


def wheels(lock: Lock, platform: str = AMD64) -> dict[str, str]:
    """Wheel to its version."""
    return {wheel.name: wheel.version for wheel in lock.platform(platform).wheels}


def names(packages: tuple[CondaPackage, ...] | tuple[Any, ...]) -> list[str]:
    """Of packages."""
    return [package.name for package in packages]
