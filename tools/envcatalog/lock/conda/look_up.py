"""What channels say of locked packages: addresses and MD5, which some formats demand and no lock holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.lock.conda.channels import channel_addresses, public_address
from envcatalog.lock.conda.client import client_for
from envcatalog.lock.conda.explain import unreachable
from envcatalog.lock.conda.loop import wait
from envcatalog.lock.conda.records import is_package, license_line
from envcatalog.model.lock import CondaPackage
from envcatalog.model.settings import Settings

if TYPE_CHECKING:
    from rattler import RepoDataRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where a file is, without secrets; `md5` and `license` are empty where the channel does not say."""

    url: str
    md5: str = ""
    license: str = ""


def look_up(
    packages: Sequence[CondaPackage], settings: Settings, root: Path, cache: Path, *, ask: bool
) -> dict[str, Remote]:
    """sha256 to what is known of a package.

    Args:
        root: the catalog's root, to which a channel's folder is relative.
        ask: read the channels; otherwise that is done only of those that are in several places.

    Raises:
        UserError: nothing says where a channel is, or it cannot be read.
    """
    found: dict[str, Remote] = {}
    for name in sorted({package.channel for package in packages}):
        addresses = channel_addresses(name, settings, root)
        ours = [package for package in packages if package.channel == name]
        found |= {package.sha256: Remote(url=_file(addresses[0], package)) for package in ours}
        if ask or len(addresses) > 1:
            found |= _ask(name, ours, addresses, cache)
    return found


def _file(address: str, package: CondaPackage) -> str:
    return public_address(f"{address}/{package.subdir}/{package.file}")


def _ask(
    name: str, packages: Sequence[CondaPackage], addresses: Sequence[str], cache: Path
) -> Mapping[str, Remote]:
    try:
        records = wait(_records(packages, addresses, cache))
    except KeyboardInterrupt:
        raise
    except Exception as error:  # the library has an exception of its own for each of its parts
        raise unreachable(error, (name,)) from None
    found = {}
    for package in packages:
        record = next((record for record in records if is_package(record, package)), None)
        if record is not None:
            found[package.sha256] = Remote(
                url=public_address(record.url),
                md5=record.md5.hex() if record.md5 else "",
                license=license_line(record.license or ""),
            )
    return found


async def _records(
    packages: Sequence[CondaPackage], addresses: Sequence[str], cache: Path
) -> list[RepoDataRecord]:
    import rattler

    gateway = rattler.Gateway(cache_dir=cache / "conda" / "repodata", client=client_for(addresses))
    subdirs = sorted({package.subdir for package in packages})
    specs = [rattler.MatchSpec(f"{item.name}=={item.version}={item.build}") for item in packages]
    answer = await gateway.query(
        [public_address(address) for address in addresses],
        subdirs,  # type: ignore[arg-type]
        specs,
        recursive=False,
        channel_relations="disabled",
    )
    return [record for source in answer for record in source]
