"""Addresses for formats that demand them, from this machine's configuration, without users, passwords and tokens."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from envcatalog.model.environment import Environment
from envcatalog.model.lock import PlatformLock
from envcatalog.model.settings import Settings

if TYPE_CHECKING:
    from envcatalog.catalog.opened import OpenCatalog


def addresses_of(
    catalog: OpenCatalog, settings: Settings, locks: Sequence[PlatformLock], kinds: Sequence[str]
) -> dict[str, str]:
    """sha256 to URL of wheels and conda packages; without those that are nowhere.

    Args:
        kinds: ``wheels``, ``conda``, both or none.

    Raises:
        UserError: an index cannot be reached, or nothing says where a channel is.
        Refusal: a wheel is said to come from an index that it may not come from.
    """
    found: dict[str, str] = {}
    wheels = {wheel.sha256: wheel for lock in locks for wheel in lock.wheels}
    if "wheels" in kinds and wheels:
        from envcatalog.lock.addresses import look_up

        located = look_up(tuple(wheels.values()), settings, catalog.cache)
        found |= {sha256: _shown(url) for sha256, url in located.items()}
    if "conda" in kinds:
        packages = {package.sha256: package for lock in locks for package in lock.conda}
        channels = channels_of(catalog, settings, {package.channel for package in packages.values()})
        for sha256, package in packages.items():
            found[sha256] = f"{channels[package.channel]}/{package.subdir}/{package.file}"
    return found


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


def index_options(settings: Settings, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Options of a requirements file that name the machine's package index and those of the settings."""
    from envcatalog.lock.indexes import machine_indexes
    from envcatalog.lock.named import index_url, is_flat

    environment = os.environ if environment is None else environment
    machine = machine_indexes(environment)
    own = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL") or machine.default
    lines = ["--no-index"] if machine.no_index else [f"--index-url {_shown(own)}"] if own else []
    lines += [f"--find-links {_shown(link)}" for link in machine.find_links]
    for index in settings.indexes:
        option = "--find-links" if is_flat(index) else "--extra-index-url"
        lines.append(f"{option} {_shown(index_url(index))}")
    return tuple(lines)


def _shown(url: str) -> str:
    """Without user and password, and without a query or fragment, which may be a signature or a token."""
    from envcatalog.lock.urls import without_credentials

    return urlunsplit((*urlsplit(without_credentials(url))[:3], "", ""))
