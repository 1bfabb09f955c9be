"""Channels of other people's files, by the names that definitions use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from envcatalog.definition.finding import bare
from envcatalog.model.draft import Wanted
from envcatalog.model.names import NAME_MAX, is_name

_SUBDIR = re.compile(r"/(?:noarch|(?:linux|osx|win)-[a-z0-9_]+)\Z")
_TOKEN = re.compile(r"/t/[^/]+(?=/)")
_UNFIT = re.compile(r"[^a-z0-9._]+")


@dataclass(frozen=True, slots=True)
class Named:
    """A channel's name, and what is to be said about it: nothing, or why it is not the one in the file."""

    name: str
    reason: str = ""
    lost: bool = True


def name_channel(text: str, wanted: Wanted) -> Named | None:
    """The name of a channel that is given by name or address; None for one that no name can be made of."""
    known = wanted.channels
    if "://" not in text and not text.startswith(("/", "./", "../", "~")) and "\\" not in text:
        return _by_name(text.strip("/"), known)
    address = _plain(text)
    for name, url in known.items():
        if _plain(url) == address:
            return Named(name, f"it is `{name}` of the catalog's settings", lost=False)
    for alias in wanted.channel_aliases:
        if address.startswith(alias) and is_name(address.removeprefix(alias)):
            return Named(address.removeprefix(alias))
    path = re.sub(r"^[a-z][a-z0-9+.-]*://[^/]*", "", address, flags=re.IGNORECASE)
    found = re.search(r"([^/]+(?:/label/[^/]+)?)\Z", path)
    name = _fit(found[1]) if found else ""
    if not name:
        return None
    if name in known:
        return Named(name, f"definitions name channels; carried over as `{name}`, of the catalog's settings")
    where = "whose address your conda configuration or `channels` in `catalog/catalog.yaml` says"
    return Named(name, f"definitions name channels; carried over as `{name}`, {where}")


def without_tokens(text: str) -> str:
    """The text with ``***`` for what stands behind ``/t/`` in an address, where conda has its tokens."""
    return _TOKEN.sub("/t/***", text) if "://" in text else text


def _by_name(text: str, known: Mapping[str, str]) -> Named | None:
    if is_name(text):
        return Named(text)
    name = _fit(text)
    if not name:
        return None
    if text.lower() == name:
        return Named(name, f"names are in lower case; carried over as `{name}`", lost=False)
    if name in known:
        return Named(name, f"it is `{name}` of the catalog's settings", lost=False)
    say = f"give its address under `channels` in `catalog/catalog.yaml`: `{name}: {{url: ...}}`"
    return Named(name, f"`{bare(text)}` is no name for a channel here; carried over as `{name}`; {say}")


def _fit(text: str) -> str:
    """The nearest text that is a name; empty where there is none."""
    words = _UNFIT.sub("-", text.lower())
    name = re.sub(r"[._-]*([._-])[._-]*", r"\1", words).strip("._-")[:NAME_MAX].strip("._-")
    return name if is_name(name) else ""


def _plain(url: str) -> str:
    """An address without token, user, platform and final slash."""
    text = _TOKEN.sub("", re.sub(r"(?<=://)[^/@]*@", "", url.strip())).rstrip("/")
    return _SUBDIR.sub("", text).rstrip("/")
