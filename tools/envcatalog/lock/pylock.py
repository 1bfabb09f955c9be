"""`pylock.toml` (PEP 751) as uv writes it: candidates with their files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from envcatalog.lock.urls import local_path
from envcatalog.model.errors import UserError
from envcatalog.model.lock import Wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWheel:
    """A wheel and where it is. `size` is 0 and `sha256` empty where the index does not say."""

    file: str
    url: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One solved package."""

    name: str
    version: str
    wheels: tuple[RemoteWheel, ...]


def read_pylock(text: str, folder: Path) -> tuple[Candidate, ...]:
    """Read uv's output; relative paths in it are below `folder`.

    Raises:
        UserError: it is not as PEP 751 says, so uv is newer or older than we know.
    """
    import tomllib

    try:
        packages = tomllib.loads(text).get("packages", [])
        return tuple(_candidate(package, folder) for package in packages)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, ValueError):
        raise UserError("`uv` wrote a `pylock.toml` that cannot be read", "run `envcat doctor`") from None


def preferences(wheels: Iterable[Wheel]) -> str:
    """A `pylock.toml` that stands where uv will write its own: uv prefers the versions in it."""
    blocks = [f'[[packages]]\nname = "{wheel.name}"\nversion = "{wheel.version}"\n' for wheel in wheels]
    return "\n".join(['lock-version = "1.0"\ncreated-by = "envcatalog"\n', *blocks])


def _candidate(package: Mapping[str, Any], folder: Path) -> Candidate:
    wheels = tuple(_remote(wheel, folder) for wheel in package.get("wheels", []))
    return Candidate(name=str(package["name"]), version=str(package["version"]), wheels=wheels)


def _remote(wheel: Mapping[str, Any], folder: Path) -> RemoteWheel:
    url = wheel.get("url") or (folder / wheel["path"]).resolve().as_uri()
    file = wheel.get("name") or unquote(urlsplit(url).path).rsplit("/", 1)[-1]
    size = int(wheel.get("size", 0))
    if not size:
        path = local_path(url)
        size = path.stat().st_size if path is not None and path.is_file() else 0
    return RemoteWheel(file=file, url=url, size=size, sha256=wheel.get("hashes", {}).get("sha256", ""))
