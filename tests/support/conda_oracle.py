"""rattler's own solver and installer, which ours is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from envcatalog.model.lock import CondaPackage
from support.conda_channel import HOST


async def solve(channel: Path, *specs: str, subdir: str = HOST) -> list[Any]:
    """The records of a solution, sorted by name."""
    import rattler
    from rattler.package.build_string import BuildString

    glibc = rattler.GenericVirtualPackage(
        rattler.PackageName("__glibc"), rattler.Version("2.36"), BuildString("0")
    )
    records = await rattler.solve(
        sources=[rattler.Channel(channel.as_uri())],
        specs=list(specs),
        platforms=[rattler.Subdir(subdir), rattler.Subdir("noarch")],
        virtual_packages=[glibc],
    )
    return sorted(records, key=lambda record: record.name.normalized)


async def install(records: list[Any], prefix: Path, cache: Path, *, known_as: str = "/opt/env") -> None:
    """Install into a folder as if it were the prefix `known_as`."""
    import rattler

    await rattler.install(
        records, prefix, cache_dir=cache, alternative_target_prefix=known_as, show_progress=False
    )


def locked(record: Any, channel: str = "local") -> CondaPackage:
    """A record as a lock has it."""
    return CondaPackage(
        name=record.name.normalized,
        version=str(record.version),
        build=str(record.build),
        channel=channel,
        subdir=record.subdir,
        file=record.file_name,
        size=record.size,
        sha256=record.sha256.hex(),
        depends=tuple(sorted(record.depends)),
        license=record.license or "",
    )
