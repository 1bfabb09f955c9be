"""What an exporter is given, and what it makes: texts, and a line for all that the format cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from envcatalog.model.draft import Note
from envcatalog.model.environment import Environment
from envcatalog.model.lock import LockedImage, PlatformLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One environment with all that it inherits, flattened into one.

    Attributes:
        label: ``sklearn@3``, ``sklearn@<commit>`` or, for the work tree, ``sklearn``.
        environment: the chain of definitions as one, whose base is the root's.
        locks: what the chain has locked, for the platforms that are exported, each flattened into one.
        definition: digest of the environment's own definition.
        base: the root's base image as it is locked.
        image: the published image by its digest, ``HOST/PREFIX/name:3@sha256:...``; empty where there is none that
            can be pulled.
        unpublished: why `image` is empty, in a few words.
        version: number of the version that the image is of, or that was asked for.
        addresses: sha256 of wheels and conda packages to their URLs; filled where the format demands it.
        md5: sha256 of conda packages to their MD5; filled where the format demands it.
        channels: conda channel by name to its URL; those that the catalog's settings name, or all that are used
            where the format demands it.
        index: lines of options for pip that name the package indexes; empty where they are not asked for.
    """

    label: str
    environment: Environment
    locks: tuple[PlatformLock, ...] = ()
    definition: str = ""
    base: LockedImage | None = None
    image: str = ""
    unpublished: str = ""
    version: int | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
    md5: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    index: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that a format cannot hold.

    Attributes:
        key: where it stands in the definition: ``("container", "shm_size")``.
        text: what stands there, in one line.
        lost: False where nothing is missing; such a line does not refuse ``--strict``.
    """

    key: tuple[str, ...]
    text: str
    reason: str
    lost: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A file's name, below the folder it is written to, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an exporter made."""

    files: tuple[TextFile, ...]
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The answer of `export`.

    Attributes:
        label, version: as in `Exported`.
        notes: what was left out, in the order of the definition.
    """

    environment: str
    label: str
    version: int | None
    to: str
    files: tuple[TextFile, ...]
    notes: tuple[Note, ...] = ()
