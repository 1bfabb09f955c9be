"""`catalog/catalog.yaml`: what holds for all environments of a catalog."""

from __future__ import annotations

from dataclasses import dataclass, field

from envcatalog.model.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageIndex:
    """A Python package index beside the default one, and the only packages that may come from it.

    Attributes:
        url: Simple repository API root (PEP 503/691), or a ``file:`` URL or folder of wheels.
        packages: normalised names or ``prefix-*`` patterns; these come from here and from nowhere else.
    """

    name: str
    url: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianMirror:
    """One Debian archive.

    Attributes:
        url: the archive's root, which holds ``dists/`` and ``pool/``.
        suites: patterns with ``{suite}``, e.g. ``{suite}``, ``{suite}-updates``, ``{suite}-security``;
            empty for an archive that is only asked for files that other mirrors no longer have.
    """

    name: str
    url: str
    suites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaChannel:
    """A conda channel by the name that definitions use.

    Attributes:
        url: the channel's root, which holds ``noarch/`` and ``linux-64/``; a ``file:`` URL or a folder, too.
    """

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MavenRepository:
    """A repository of jars in Maven's layout.

    Attributes:
        url: its root; a ``file:`` URL or a folder, too.
    """

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The catalog's settings; every one has a default, so an empty file is valid.

    Attributes:
        registry: ``oci:DIR`` or ``HOST[:PORT]/PREFIX``; None when only the command line says.
        aliases: in order of promotion, lowest first.
        indexes: beside the machine's default index.
        mirrors: Debian archives; empty means the machine's own apt configuration.
        channels: conda channels, beside those of the machine's own conda configuration.
        maven: repositories of jars, in the order in which they are asked; empty means the machine's own.
        keyring: OpenPGP keyring file for Release files; None means the machine's.
        layers: budget of layers an image may add to its base.
        reserved: prefixes of names that `policy.reserved` speaks of.
    """

    registry: str | None = None
    aliases: tuple[str, ...] = ()
    indexes: tuple[PackageIndex, ...] = ()
    mirrors: tuple[DebianMirror, ...] = ()
    channels: tuple[CondaChannel, ...] = ()
    maven: tuple[MavenRepository, ...] = ()
    keyring: str | None = None
    layers: int = 40
    reserved: tuple[str, ...] = field(default=("curated-",))
    policy: Policy = field(default_factory=Policy)
