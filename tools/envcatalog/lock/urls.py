"""URLs of indexes and mirrors: what may be shown, whose credentials they hold, the files they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

# Up to the last `@` before the path: a password may itself hold an `@` that nobody escaped.
_USERINFO = re.compile(r"(?<=://)[^/\s`'\"]*@")

Origin = tuple[str, str, int | None]


def redacted(text: str) -> str:
    """The text with the user names and passwords of all its URLs left out."""
    return _USERINFO.sub("***@", text)


def without_credentials(url: str) -> str:
    """The URL without user name and password."""
    return _USERINFO.sub("", url)


def origin_of(url: str) -> Origin:
    """Scheme, host and port: what credentials belong to (RFC 6454)."""
    parts = urlsplit(url)
    ports = {"http": 80, "https": 443}
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or ports.get(parts.scheme.lower())


def credentials_in(urls: Iterable[str]) -> dict[Origin, tuple[str, str]]:
    """User name and password by origin; the first one of an origin counts."""
    found: dict[Origin, tuple[str, str]] = {}
    for url in urls:
        parts = urlsplit(url)
        if parts.username is not None:
            login = (unquote(parts.username), unquote(parts.password or ""))
            found.setdefault(origin_of(url), login)
    return found


def local_path(url: str) -> Path | None:
    """The file or folder that a ``file:`` URL or a plain path means; None for any other URL."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" not in url:
        return Path(url).expanduser()
    return None


def same_place(one: str, other: str) -> bool:
    """Whether two URLs of an index mean the same, credentials and a final slash aside."""
    return _normalised(one) == _normalised(other)


def _normalised(url: str) -> str:
    path = local_path(url)
    if path is not None:
        return path.absolute().as_posix()
    parts = urlsplit(without_credentials(url))
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), "", ""))
