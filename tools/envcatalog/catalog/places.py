"""Where things lie: inside a catalog, and on this machine."""

from __future__ import annotations

import os
from pathlib import Path

SETTINGS_PATH = "catalog/catalog.yaml"


def environment_folder(name: str) -> str:
    """Folder of an environment below the catalog's root."""
    return f"catalog/{name}"


def definition_path(name: str) -> str:
    """Path of a definition below the catalog's root."""
    return f"catalog/{name}/environment.yaml"


def lock_path(name: str) -> str:
    """Path of a lock below the catalog's root."""
    return f"catalog/{name}/lock.json"


def cache_folder() -> Path:
    """``$ENVCATALOG_CACHE``, else ``$XDG_CACHE_HOME/envcatalog``, else ``~/.cache/envcatalog``; not created."""
    chosen = os.environ.get("ENVCATALOG_CACHE")
    if chosen:
        return Path(chosen).absolute()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache") / "envcatalog"


def data_folder(name: str) -> Path:
    """A folder that is at the root of a checkout and inside the installed package: ``schemas``, ``catalog``."""
    package = Path(__file__).parents[1]
    installed = package / {"catalog": "curated"}.get(name, name)
    return installed if installed.is_dir() else package.parents[1] / name
