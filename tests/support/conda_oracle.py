"""rattler's own solver, installer and indexer, which ours are compared with."""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from envcatalog.model.lock import CondaPackage

# An interpreter that ends while the library's threads still give back what they hold of Python crashes (seen with
# 0.28), and with it a whole run of tests. Nothing tells when they are done; they need some microseconds.
_GRACE = 1.0  # seconds, once, at the end of the process
_Result = TypeVar("_Result")


def wait(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run what the library does in its own threads."""
    _end_gracefully()
    return asyncio.run(work)


def solve(channel: Path, *specs: str, subdir: str) -> list[Any]:
    """The records of a solution, sorted by name."""
    import rattler
    from rattler.package.build_string import BuildString

    glibc = rattler.GenericVirtualPackage(
        rattler.PackageName("__glibc"), rattler.Version("2.36"), BuildString("0")
    )
    records = wait(
        rattler.solve(
            sources=[rattler.Channel(channel.as_uri())],
            specs=list(specs),
            platforms=[rattler.Subdir(subdir), rattler.Subdir("noarch")],
            virtual_packages=[glibc],
        )
    )
    return sorted(records, key=lambda record: record.name.normalized)


def install(records: list[Any], prefix: Path, cache_folder: Path, *, known_as: str = "/opt/env") -> None:
    """Install into a folder as if it were the prefix `known_as`."""
    import rattler

    wait(
        rattler.install(
            records, prefix, cache_dir=cache_folder, alternative_target_prefix=known_as, show_progress=False
        )
    )


def index_channel(folder: Path) -> None:
    """Write ``repodata.json`` of each subdir."""
    import rattler

    (folder / "noarch").mkdir(parents=True, exist_ok=True)
    wait(rattler.index.index_fs(folder, write_zst=False, write_shards=False, force=True))


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


@cache
def _end_gracefully() -> None:
    atexit.register(time.sleep, _GRACE)
