"""An environment as asked for: the definition (what can change the build) and the metadata (what cannot)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from envcatalog.model.names import CURATED_PREFIX
from envcatalog.model.ranges import Range, in_ranges

Kind = Literal["curated", "system", "user"]
DEFAULT_PLATFORM = "linux/amd64"
PLATFORMS = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianBase:
    """Debian packages unpacked without their scripts, as distroless images are."""

    suite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBase:
    """An image in a registry (``HOST[:PORT]/PATH:TAG``) or an OCI layout (``oci:DIR:REF``), locked to a digest."""

    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentBase:
    """Another environment of the same catalog, at the same commit."""

    environment: str


Base = DebianBase | ImageBase | EnvironmentBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """The interpreter and the wheels.

    Attributes:
        version: minor version, ``3.11``.
        interpreter: absolute path inside the image; None means the base's usual one
            (``/usr/bin/pythonX.Y`` on Debian, ``/usr/local/bin/pythonX.Y`` on an image).
        packages: PEP 508 requirements, as written.
    """

    version: str
    interpreter: str | None = None
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """How the image starts; None or empty means the base's own setting."""

    user: str | None = None
    workdir: str | None = None
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    ports: tuple[int, ...] = ()
    shm_size: str | None = None
    gpus: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """Where a scoring server inside the image answers; recorded in the image as labels."""

    port: int
    liveness: str | None = None
    readiness: str | None = None
    scoring: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecated:
    """Versions that should no longer be used.

    Attributes:
        versions: ascending ranges without overlaps; empty for all versions, later ones included.
        replacement: ``name`` or ``name@3``.
        until: ``YYYY-MM-DD``, the last day on which they should be used.
    """

    reason: str
    versions: tuple[Range, ...] = ()
    replacement: str | None = None
    until: str | None = None

    def covers(self, number: int | None) -> bool:
        """Whether it speaks of this version; None stands for no particular one."""
        return not self.versions or (number is not None and in_ranges(number, self.versions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One `environment.yaml`, validated and normalised. The metadata comes last and is in no digest.

    Attributes:
        variables: sorted by name.
        platforms: sorted, at least one of `PLATFORMS`.
        checks: commands, split as a shell splits words but run without a shell.
        aliases: alias name to version number, sorted by name.
    """

    name: str
    base: Base
    apt: tuple[str, ...] = ()
    python: Python | None = None
    variables: tuple[tuple[str, str], ...] = ()
    container: Container = field(default_factory=Container)
    inference: Inference | None = None
    platforms: tuple[str, ...] = (DEFAULT_PLATFORM,)
    checks: tuple[str, ...] = ()

    description: str = ""
    owners: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    aliases: tuple[tuple[str, int], ...] = ()
    deprecated: Deprecated | None = None
    archived: bool = False

    @property
    def kind(self) -> Kind:
        """Who made it: curated names are a reserved prefix, all others are system-managed."""
        return "curated" if self.name.startswith(CURATED_PREFIX) else "system"
