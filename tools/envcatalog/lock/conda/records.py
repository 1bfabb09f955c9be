"""Conda packages: from a channel's records to the lock's entries, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from envcatalog.lock.conda.channels import public_address
from envcatalog.lock.entries import entry_values, read_conda_packages
from envcatalog.lock.fields import MAX_TEXT, Block, LockError
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import CondaPackage

if TYPE_CHECKING:
    from rattler import RepoDataRecord


def locked_packages(
    records: Iterable[RepoDataRecord], names: Mapping[str, str], platform: str
) -> tuple[CondaPackage, ...]:
    """The records as entries of the lock, sorted by name.

    Args:
        names: address of a channel (without secrets and final slash) to its name.

    Raises:
        Refusal: a channel says too little about a package, or what no lock may hold.
    """
    packages = sorted((_package(record, names) for record in records), key=lambda item: item.name)
    try:
        # A channel is not ours: what comes out of it must pass where a lock from a stranger must.
        return read_conda_packages(Block.root({"conda": entry_values(packages)}), "conda", platform)
    except LockError as error:
        channels = ", ".join(f"`{name}`" for name in sorted({item.channel for item in packages}))
        raise Refusal(
            f"a package of {channels} cannot be locked: at `{error.field}` {error.reason}",
            "ask for another version of it",
        ) from None


def channel_name(record: RepoDataRecord, names: Mapping[str, str]) -> str:
    """The name of the channel that a record is of; empty for an unknown one."""
    return names.get(channel_key(record.channel or ""), "")


def channel_key(url: str) -> str:
    """A channel's address as `locked_packages` takes it."""
    return public_address(url).rstrip("/")


def is_package(record: RepoDataRecord, package: CondaPackage) -> bool:
    """Whether a record is of the very file that a lock names."""
    sha256 = record.sha256
    return record.file_name == package.file and sha256 is not None and sha256.hex() == package.sha256


def record_of(package: CondaPackage, address: str) -> RepoDataRecord:
    """A record made of a lock's entry, where the channel has the file no longer."""
    from rattler import BuildString, PackageRecord, RepoDataRecord, VersionWithSource

    return RepoDataRecord(
        PackageRecord(
            package.name,
            VersionWithSource(package.version),
            BuildString(package.build),
            0,
            package.subdir,
            depends=list(package.depends),
            sha256=bytes.fromhex(package.sha256),
            size=package.size,
        ),
        package.file,
        f"{address}/{package.subdir}/{package.file}",
        f"{address}/",
    )


def _package(record: RepoDataRecord, names: Mapping[str, str]) -> CondaPackage:
    name, channel = record.name.normalized, channel_name(record, names)
    if not record.sha256 or not record.size:
        raise Refusal(
            f"the channel `{channel}` gives no size or sha256 of `{record.file_name}`",
            "let its owner index it anew",
        )
    return CondaPackage(
        name=name,
        version=str(record.version),
        build=str(record.build),
        channel=channel,
        subdir=str(record.subdir),
        file=record.file_name,
        size=record.size,
        sha256=record.sha256.hex(),
        depends=tuple(sorted(set(record.depends))),
        license=license_line(record.license or ""),
    )


def license_line(text: str) -> str:
    """A licence as one line that a lock may hold; what is none becomes empty."""
    line = " ".join(text.split())[:MAX_TEXT]
    return line if line.isprintable() and not line.startswith("-") else ""
