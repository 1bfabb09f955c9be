"""An environment as asked for: the definition (what can change the build) and the metadata (what cannot)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from envcatalog.model.names import CURATED_PREFIX
from envcatalog.model.ranges import Range, in_ranges

Kind = Literal["curated", "system", "user"]
Managed = Literal["system", "user"]
BuilderName = Literal["embedded", "docker"]
ChannelPriority = Literal["strict", "disabled"]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerfileBase:
    """No base of the definition's own: the Dockerfile names what it starts from."""


Base = DebianBase | ImageBase | EnvironmentBase | DockerfileBase


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
class Conda:
    """Conda packages. They bring the interpreter, too, where they are asked for one or `python` is set.

    Attributes:
        channels: names of the settings' `channels`, or of the machine's own; the first has the highest priority.
        packages: MatchSpecs, as written.
        channel_priority: ``strict``: a package comes from the first channel that has it; ``disabled``: the highest
            version of all channels.
        virtual_packages: ``__cuda`` to ``12.4``, sorted; what the place where the image runs provides.
    """

    channels: tuple[str, ...]
    packages: tuple[str, ...] = ()
    channel_priority: ChannelPriority = "strict"
    virtual_packages: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class R:
    """R and its packages, from Debian (``r-cran-<name>``).

    Attributes:
        packages: names as R spells them, ``data.table``.
    """

    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """Apache Spark for Python, with a Java runtime.

    Attributes:
        version: ``3.5`` or ``3.5.3``.
        packages: Maven coordinates ``group:artifact:version`` of jars; each is named, none is found by another.
        jars: files of the environment's folder.
        conf: Spark properties, sorted.
    """

    version: str
    packages: tuple[str, ...] = ()
    jars: tuple[str, ...] = ()
    conf: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """What a user-managed environment is built from; paths are below the environment's folder.

    Attributes:
        path: of the Dockerfile.
        context: folder that its `COPY` and `ADD` see.
        args: build arguments, sorted.
        target: the stage to build; None for the last.
    """

    path: str = "Dockerfile"
    context: str = "."
    args: tuple[tuple[str, str], ...] = ()
    target: str | None = None


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
        managed: who supplies what the image holds: we (``system``), or its own image or Dockerfile (``user``).
        dockerfile: for ``user`` only.
        builder: the builder that the definition asks for; None for the one that it needs.
        aliases: alias name to version number, sorted by name.
    """

    name: str
    base: Base
    apt: tuple[str, ...] = ()
    python: Python | None = None
    conda: Conda | None = None
    r: R | None = None
    spark: Spark | None = None
    managed: Managed = "system"
    dockerfile: Dockerfile | None = None
    builder: BuilderName | None = None
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
        """Curated names are a reserved prefix; all others say who manages them."""
        return "curated" if self.name.startswith(CURATED_PREFIX) else self.managed
