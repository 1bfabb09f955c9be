"""Addresses for formats that demand them, from this machine's configuration, without users, passwords and tokens."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from envcatalog.model.environment import Environment
from envcatalog.model.export import Exported, Left
from envcatalog.model.lock import PlatformLock
from envcatalog.model.settings import Settings

if TYPE_CHECKING:
    from envcatalog.catalog.opened import OpenCatalog

_NAMED = re.compile(r"[A-Za-z0-9_.-]+=")  # uv spells a named index `name=url`


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """By sha256: the addresses of files, and the MD5 of conda packages where the channel says it."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    md5: Mapping[str, str] = field(default_factory=dict)


def locate(
    catalog: OpenCatalog, settings: Settings, locks: Sequence[PlatformLock], kinds: Sequence[str]
) -> Located:
    """Where wheels and conda packages are; without those that are nowhere.

    Args:
        kinds: any of ``wheels``, ``conda`` and ``md5``.

    Raises:
        UserError: an index or a channel cannot be reached, or nothing says where a channel is.
        Refusal: a wheel is said to come from an index that it may not come from.
    """
    addresses: dict[str, str] = {}
    wheels = {wheel.sha256: wheel for lock in locks for wheel in lock.wheels}
    if "wheels" in kinds and wheels:
        from envcatalog.lock.addresses import look_up

        found = look_up(tuple(wheels.values()), settings, catalog.cache)
        addresses |= {sha256: _shown(url) for sha256, url in found.items()}
    packages = {package.sha256: package for lock in locks for package in lock.conda}
    if "conda" not in kinds or not packages:
        return Located(addresses=addresses)
    from envcatalog.lock.conda.look_up import look_up as look_up_conda

    root = catalog.repository.root
    known = look_up_conda(tuple(packages.values()), settings, root, catalog.cache, ask="md5" in kinds)
    addresses |= {sha256: item.url for sha256, item in known.items()}
    return Located(addresses=addresses, md5={sha256: item.md5 for sha256, item in known.items() if item.md5})


def channels_of(catalog: OpenCatalog, settings: Settings, names: set[str]) -> dict[str, str]:
    """Channel name to URL; UserError where nothing says where one is."""
    if not names:
        return {}
    from envcatalog.lock.conda.channels import channel_url

    return {name: channel_url(name, settings, catalog.repository.root) for name in sorted(names)}


def channels_used(environment: Environment, locks: Sequence[PlatformLock]) -> set[str]:
    """Names of the definition and of the lock."""
    asked = set(environment.conda.channels) if environment.conda else set()
    return asked | {package.channel for lock in locks for package in lock.conda}


def of_this_machine(given: Exported) -> Iterator[Left]:
    """Addresses that nobody else can read."""
    for key, found in (
        (("conda", "channels"), given.channels.values()),
        (("python", "packages"), given.addresses.values()),
    ):
        folders = sorted({url for url in found if url.startswith("file:")})
        if folders:
            text = folders[0] if len(folders) == 1 else f"{folders[0]} and {len(folders) - 1} more"
            yield Left(key=key, text=text, reason="it is a folder or file of this machine", lost=False)


def index_options(settings: Settings, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Options of a requirements file that name the machine's package index and those of the settings."""
    from envcatalog.lock.indexes import machine_indexes
    from envcatalog.lock.named import index_url, is_flat

    environment = os.environ if environment is None else environment
    machine = machine_indexes(environment)
    uv = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL") or ""
    own = _NAMED.sub("", uv) or machine.default
    lines = ["--no-index"] if machine.no_index else [f"--index-url {_shown(own)}"] if own else []
    lines += [f"--find-links {_shown(link)}" for link in machine.find_links]
    for index in settings.indexes:
        option = "--find-links" if is_flat(index) else "--extra-index-url"
        lines.append(f"{option} {_shown(index_url(index))}")
    return tuple(lines)


def _shown(url: str) -> str:
    """Without user and password, and without a query or fragment, which may be a signature or a token."""
    from envcatalog.lock.urls import without_credentials

    if "://" not in url:
        return url  # a folder
    return urlunsplit((*urlsplit(without_credentials(url))[:3], "", ""))
