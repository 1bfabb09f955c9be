"""Solve conda packages for one platform, as rattler does; nothing of this host comes into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.lock.conda.channels import channel_addresses, public_address
from envcatalog.lock.conda.client import client_for
from envcatalog.lock.conda.explain import no_solution, unreachable
from envcatalog.lock.conda.loop import one_at_a_time, wait
from envcatalog.lock.conda.records import channel_key, locked_packages, record_of
from envcatalog.lock.conda.virtual import ARCHSPEC
from envcatalog.lock.entries import SUBDIRS
from envcatalog.lock.stopping import StoppedError
from envcatalog.model.environment import ChannelPriority
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import CondaPackage
from envcatalog.model.settings import Settings

if TYPE_CHECKING:
    import rattler

TIME_LIMIT = 300  # seconds for the solver alone
READ_LIMIT = 600.0  # seconds for what channels say, and the solver


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaRequest:
    """What is to be solved for one platform.

    Attributes:
        specs: MatchSpecs, as written in the definition.
        channels: names, the most important first.
        virtual: virtual packages: name to version.
        present: the parent environments' packages: they keep their versions and are in no answer.
        parent: the parent's name, for messages.
        preferred: the previous lock's packages, without those to be upgraded.
        constraints: further conditions on packages, which are not asked for by them.
    """

    specs: tuple[str, ...]
    channels: tuple[str, ...]
    platform: str
    priority: ChannelPriority = "strict"
    virtual: dict[str, str] = field(default_factory=dict)
    present: tuple[CondaPackage, ...] = ()
    parent: str = ""
    preferred: tuple[CondaPackage, ...] = ()
    constraints: tuple[str, ...] = ()

    @property
    def subdirs(self) -> list[str]:
        """The channel's folders that hold packages for the platform."""
        return [SUBDIRS[self.platform], "noarch"]


def solve_conda(request: CondaRequest, *, settings: Settings, cache: Path) -> tuple[CondaPackage, ...]:
    """The packages that the environment adds to its parent, sorted by name.

    Args:
        cache: what channels say is kept below it.

    Raises:
        Refusal: no set of packages fits (with the solver's reason), or a channel holds what no lock may hold.
        UserError: a channel cannot be read.
    """
    from rattler.exceptions import SolverError

    names = sorted({*request.channels, *(package.channel for package in request.present)})
    addresses = {name: channel_addresses(name, settings) for name in names}
    try:
        with one_at_a_time:
            records = wait(_solve(request, addresses, cache), limit=READ_LIMIT)
    except SolverError as error:
        raise no_solution(
            str(error),
            platform=request.platform,
            channels=request.channels,
            parent=request.parent,
            strict=request.priority == "strict",
        ) from None
    except (Refusal, StoppedError, KeyboardInterrupt):
        raise
    except Exception as error:  # the library has an exception of its own for each of its parts
        raise unreachable(error, request.channels) from None
    already = {package.name for package in request.present}
    added = (record for record in records if record.name.normalized not in already)
    known: dict[str, str] = {}
    for name in (*request.channels, *names):  # of two names of one place the more important one
        for url in addresses[name]:
            known.setdefault(channel_key(url), name)
    return locked_packages(added, known, request.platform)


async def _solve(
    request: CondaRequest, addresses: dict[str, tuple[str, ...]], cache: Path
) -> list[rattler.RepoDataRecord]:
    import datetime

    import rattler

    client = client_for(url for urls in addresses.values() for url in urls)
    gateway = rattler.Gateway(cache_dir=cache / "conda" / "repodata", client=client)
    addresses = {name: tuple(map(public_address, urls)) for name, urls in addresses.items()}
    channels = [url for name in request.channels for url in addresses[name]]
    present = await _records(gateway, request.present, request.subdirs, addresses)
    kept = [package for package in request.preferred if package.channel in addresses]
    preferred = await _records(gateway, kept, request.subdirs, addresses, needed=False)
    return await rattler.solve(
        channels,
        [*_specs(request, addresses), *(_exactly(package) for package in request.present)],
        gateway=gateway,
        platforms=request.subdirs,  # type: ignore[arg-type]
        locked_packages=preferred,
        pinned_packages=present,
        virtual_packages=[_virtual(name, value) for name, value in sorted(request.virtual.items())],
        timeout=datetime.timedelta(seconds=TIME_LIMIT),
        channel_priority=getattr(rattler.ChannelPriority, request.priority.capitalize()),
        constraints=list(request.constraints),
        channel_relations="disabled",
    )


def _specs(request: CondaRequest, addresses: dict[str, tuple[str, ...]]) -> Iterable[rattler.MatchSpec]:
    import rattler

    for text in sorted(request.specs):
        spec = read_spec(text)
        if not isinstance(spec, MatchSpec):
            raise Refusal(f"`{text}` {spec.message}", spec.hint)
        prefix = f"{addresses[spec.channel][0]}::" if spec.channel else ""
        yield rattler.MatchSpec(prefix + spec.text)


def _exactly(package: CondaPackage) -> rattler.MatchSpec:
    import rattler

    return rattler.MatchSpec(f"{package.name}=={package.version}={package.build}")


def _virtual(name: str, value: str) -> rattler.GenericVirtualPackage:
    from rattler import BuildString, GenericVirtualPackage, PackageName, Version

    version, build = ("1", value) if name == ARCHSPEC else (value, "0")
    return GenericVirtualPackage(PackageName(name), Version(version), BuildString(build))


async def _records(
    gateway: rattler.Gateway,
    packages: Sequence[CondaPackage],
    subdirs: list[str],
    addresses: dict[str, tuple[str, ...]],
    *,
    needed: bool = True,
) -> list[rattler.RepoDataRecord]:
    """The channels' records of locked packages; those that are gone are made of the lock where they are needed."""
    found: list[rattler.RepoDataRecord] = []
    for channel in sorted({package.channel for package in packages}):
        ours = [package for package in packages if package.channel == channel]
        answer = await gateway.query(
            list(addresses[channel]),
            subdirs,  # type: ignore[arg-type]
            [_exactly(package) for package in ours],
            recursive=False,
            channel_relations="disabled",
        )
        records = {(record.file_name, record.sha256): record for source in answer for record in source}
        for package in ours:
            record = records.get((package.file, bytes.fromhex(package.sha256)))
            if record is None and needed:
                record = record_of(package, addresses[channel][0])
            found += [record] if record is not None else []
    return found
