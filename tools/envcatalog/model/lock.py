"""What was solved: every artefact by file name, size and sha256. No address of any index or mirror."""

from __future__ import annotations

from dataclasses import dataclass

LOCK_FORMAT = 1
LOCK_PARTS = ("bytecode", "conda", "debs", "dockerfile", "files", "wheels")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deb:
    """A Debian package file. `path` is its place below an archive's root (``pool/...``)."""

    name: str
    version: str
    architecture: str
    path: str
    size: int
    sha256: str

    @property
    def file(self) -> str:
        """The file's own name."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel. `index` is the name of the index in the settings, ``default`` for the machine's own."""

    name: str
    version: str
    file: str
    size: int
    sha256: str
    index: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaPackage:
    """A conda package file.

    Attributes:
        version, build: as in its record; `version` as conda spells it.
        channel: the channel's name in the definition.
        subdir: ``linux-64``, ``linux-aarch64`` or ``noarch``.
        file: ``<name>-<version>-<build>.conda`` or ``.tar.bz2``.
        depends: MatchSpecs of its record, sorted.
        license: SPDX expression or what the record says; empty when it says nothing.
    """

    name: str
    version: str
    build: str
    channel: str
    subdir: str
    file: str
    size: int
    sha256: str
    depends: tuple[str, ...] = ()
    license: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """Any other file: a source archive that is only unpacked, or a jar.

    Attributes:
        name: ``pyspark``, ``group:artifact``, or a path below the environment's folder.
        version: empty for a file of the environment's folder.
        source: ``index:<name>`` (a Python package index), ``maven:<name>``, or ``folder``.
    """

    name: str
    version: str
    file: str
    size: int
    sha256: str
    source: str

    @property
    def is_project(self) -> bool:
        """Whether it is from a Python package index."""
        return self.source.startswith("index:")


Artefact = Deb | Wheel | CondaPackage | LockedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was learnt of an artefact beside the bytes it has; it decides no byte of an image.

    Attributes:
        installed: bytes of its files when unpacked, byte code not counted; None when it is not known.
        license: SPDX expression, or what its metadata says; empty when it says nothing.
    """

    installed: int | None = None
    license: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedImage:
    """A base image: what was asked for, and the digests found.

    Attributes:
        image: the reference of the definition.
        digest: what the reference named (an index or a manifest).
        manifests: platform to manifest digest, sorted.
    """

    image: str
    digest: str
    manifests: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedDockerfile:
    """What a Dockerfile build starts from.

    Attributes:
        dockerfile: digest of the file's bytes.
        context: digest of the tree of the context, without what `.dockerignore` leaves out.
        images: every image that it starts from or copies from, sorted by reference.
    """

    dockerfile: str
    context: str
    images: tuple[LockedImage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedEnvironment:
    """A parent environment by its plan digest."""

    environment: str
    plan: str


Interpreters = tuple[tuple[str, tuple[Deb, ...] | tuple[CondaPackage, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytecode:
    """Who compiles ``.pyc`` files: the patch version decides their bytes, so it is locked.

    Attributes:
        python: full version, ``3.11.2``.
        interpreters: for each platform that a builder may run on, the Debian packages that hold exactly that
            interpreter (with its libraries), or the conda packages; empty where the interpreter is an image's.
    """

    python: str
    interpreters: Interpreters = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformLock:
    """The artefacts for one platform, sorted by name; a child's lists hold only what it adds to its parent."""

    platform: str
    debs: tuple[Deb, ...] = ()
    conda: tuple[CondaPackage, ...] = ()
    wheels: tuple[Wheel, ...] = ()
    files: tuple[LockedFile, ...] = ()

    @property
    def artefacts(self) -> tuple[Artefact, ...]:
        """All of them."""
        return (*self.debs, *self.conda, *self.wheels, *self.files)

    @property
    def projects(self) -> tuple[Wheel | LockedFile, ...]:
        """The Python projects: wheels, and source archives that are unpacked."""
        return (*self.wheels, *(file for file in self.files if file.is_project))

    @property
    def jars(self) -> tuple[LockedFile, ...]:
        """The files that are no Python projects."""
        return tuple(file for file in self.files if not file.is_project)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """`lock.json`.

    Attributes:
        definition: digest of the definition it was made from; another one means the lock is stale.
        base: None for a Debian base, whose packages are in the platforms.
        bytecode: None where there is no Python, or the parent's is used.
        inputs: part (`LOCK_PARTS`) to the digest of all that the part was solved from, sorted; it tells which
            parts an edit of the definition leaves alone, so that those are not solved again.
        dockerfile: of a user-managed environment that has one.
        known: sha256 of an artefact of the platforms to what was learnt of it, sorted. No part of the lock's
            digest, so that to learn more never makes a version; an entry without anything says "asked in vain".
    """

    definition: str
    base: LockedImage | LockedEnvironment | None
    bytecode: Bytecode | None
    platforms: tuple[PlatformLock, ...]
    inputs: tuple[tuple[str, str], ...] = ()
    dockerfile: LockedDockerfile | None = None
    known: tuple[tuple[str, Known], ...] = ()

    def platform(self, name: str) -> PlatformLock:
        """The lock of one platform; KeyError if the lock lacks it."""
        for item in self.platforms:
            if item.platform == name:
                return item
        raise KeyError(name)
