"""What was solved: every artefact by file name, size and sha256. No address of any index or mirror."""

from __future__ import annotations

from dataclasses import dataclass

LOCK_FORMAT = 1
LOCK_PARTS = ("bytecode", "debs", "wheels")


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


Artefact = Deb | Wheel


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
class LockedEnvironment:
    """A parent environment by its plan digest."""

    environment: str
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytecode:
    """Who compiles ``.pyc`` files: the patch version decides their bytes, so it is locked.

    Attributes:
        python: full version, ``3.11.2``.
        interpreters: for each platform that a builder may run on, the Debian packages that hold exactly that
            interpreter (with its libraries); empty where the interpreter is not Debian's.
    """

    python: str
    interpreters: tuple[tuple[str, tuple[Deb, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformLock:
    """The artefacts for one platform, sorted by name; a child's lists hold only what it adds to its parent."""

    platform: str
    debs: tuple[Deb, ...] = ()
    wheels: tuple[Wheel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """`lock.json`.

    Attributes:
        definition: digest of the definition it was made from; another one means the lock is stale.
        base: None for a Debian base, whose packages are in the platforms.
        bytecode: None where there is no Python, or the parent's is used.
        inputs: part (`LOCK_PARTS`) to the digest of all that the part was solved from, sorted; it tells which
            parts an edit of the definition leaves alone, so that those are not solved again.
    """

    definition: str
    base: LockedImage | LockedEnvironment | None
    bytecode: Bytecode | None
    platforms: tuple[PlatformLock, ...]
    inputs: tuple[tuple[str, str], ...] = ()

    def platform(self, name: str) -> PlatformLock:
        """The lock of one platform; KeyError if the lock lacks it."""
        for item in self.platforms:
            if item.platform == name:
                return item
        raise KeyError(name)
