"""Channels: from the name that definitions and locks use to an address.

The settings come first, then the machine's own conda configuration, then the default of the conda library.
No address is kept in a definition or lock, and none that is shown holds a password or token.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from envcatalog.lock.conda.condarc import machine_configuration
from envcatalog.lock.folders import HINT, outside_folders
from envcatalog.lock.urls import local_path, without_credentials
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import CondaPackage
from envcatalog.model.settings import Settings

# conda's way of putting a token into an address: `https://host/t/TOKEN/channel`
_TOKEN = re.compile(r"(?<=/t/)[^/\s`'\"]+(?=/)")
_TOKEN_PART = re.compile(r"/t/[^/]+(?=/)")
_STANDS_FOR_SEVERAL = "defaults"


def channel_url(name: str, settings: Settings, root: Path | None) -> str:
    """The address of a channel for other tools: without credentials, and without a final slash.

    Args:
        root: the catalog's root, to which a folder in the settings is relative.

    Raises:
        UserError: nothing says where the channel is.
    """
    return public_address(channel_addresses(name, settings, root)[0])


def channel_addresses(name: str, settings: Settings, root: Path | None = None) -> tuple[str, ...]:
    """All addresses that a channel's name stands for, credentials included; a folder as a ``file:`` URL.

    Raises:
        UserError: nothing says where the channel is.
    """
    for channel in settings.channels:
        if channel.name == name:
            return (_as_url(channel.url, root),)
    found = machine_configuration().addresses(name)
    if found:
        return tuple(_as_url(url, None) for url in found)
    if name == _STANDS_FOR_SEVERAL:
        raise UserError(
            f"the conda channel `{name}` stands for several, and nothing says for which",
            "name it under `channels` in `catalog/catalog.yaml`, or set `default_channels` in your `.condarc`",
        )
    from rattler import Channel

    return (_as_url(Channel(name).base_url, None),)


def package_addresses(package: CondaPackage, settings: Settings) -> tuple[str, ...]:
    """Where a locked package may be, credentials included; same errors as `channel_addresses`."""
    found = channel_addresses(package.channel, settings)
    return tuple(f"{address}/{package.subdir}/{package.file}" for address in found)


def public_address(url: str) -> str:
    """The address without user, password and token: what it is for those who have none."""
    return _TOKEN_PART.sub("", without_credentials(url))


def without_secrets(text: str) -> str:
    """The text without users, passwords and tokens in its addresses."""
    return _TOKEN.sub("***", without_credentials(text))


def rooted(settings: Settings, root: Path) -> Settings:
    """The settings with the folders of their channels, indexes and repositories made absolute.

    Raises:
        Refusal: one is outside the repository, and nothing on this machine allows it.
    """
    for folder in outside_folders(settings, root):
        raise Refusal(f"{folder.message}, in `catalog/catalog.yaml`", HINT)
    return replace(
        settings,
        indexes=tuple(replace(item, url=_rooted(item.url, root)) for item in settings.indexes),
        channels=tuple(replace(item, url=_rooted(item.url, root)) for item in settings.channels),
        maven=tuple(replace(item, url=_rooted(item.url, root)) for item in settings.maven),
    )


def _rooted(url: str, root: Path) -> str:
    return str(root / url) if "://" not in url else url


def _as_url(url: str, root: Path | None) -> str:
    path = local_path(url)
    if path is None:
        return url.rstrip("/")
    return ((root / path) if root else path).absolute().as_uri()
