"""Folders that the catalog's settings name: inside the repository, or where the machine's owner allows it.

`catalog.yaml` comes with the repository. Whoever may propose a change to it could otherwise point a channel or an
index at any folder of the machine that locks and builds, and have what lies there locked, or published.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from envcatalog.definition.finding import show, show_path
from envcatalog.lock.urls import local_path
from envcatalog.model.settings import Settings

VARIABLE = "ENVCATALOG_FOLDERS"
HINT = f"name it in `{VARIABLE}` on the machines that may read it, or use a folder inside the repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideFolder:
    """A folder that may not be read here.

    Attributes:
        path: of its key in `catalog.yaml`.
        message: what is wrong, without the file's name.
    """

    path: tuple[str, ...]
    message: str


def allowed_folders() -> tuple[Path, ...]:
    """The absolute folders in ``$ENVCATALOG_FOLDERS``, separated as those in ``$PATH``."""
    named = map(Path, os.environ.get(VARIABLE, "").split(os.pathsep))
    return tuple(folder for folder in named if folder.is_absolute())


def outside_folders(settings: Settings, root: Path | None = None) -> Iterator[OutsideFolder]:
    """All folders of the settings that are neither inside the repository nor allowed on this machine.

    Args:
        root: the catalog's root; with it, links in the folders inside the repository are followed, and those that lead
            out are found. Without it nothing of the machine is looked at.
    """
    allowed = allowed_folders()
    for path, url in _addresses(settings):
        folder = local_path(url)
        if folder is None:
            continue
        if url.lower().startswith("file:"):
            if ".." in folder.parts or not _below(folder, allowed):
                message = f"`{show_path(path)}` is {show(url)}, a folder outside the repository"
                yield OutsideFolder(path=path, message=message)
        elif root is not None and (place := _way_out(root / folder, root, allowed)) is not None:
            message = f"`{show_path(path)}` leads to {show(str(place))}, outside the repository"
            yield OutsideFolder(path=path, message=message)


def _addresses(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    for section, items in (
        (("indexes",), settings.indexes),
        (("channels",), settings.channels),
        (("maven",), settings.maven),
        (("debian", "mirrors"), settings.mirrors),
    ):
        for item in items:
            yield (*section, item.name, "url"), item.url


def _way_out(folder: Path, root: Path, allowed: Iterable[Path]) -> Path | None:
    """Where the folder, or a link below it, leads to, if that is neither below the root nor allowed."""
    home, others = root.resolve(), tuple(other.resolve() for other in allowed)
    seen: set[Path] = set()
    ahead = [folder]
    while ahead:
        with suppress(
            OSError, RuntimeError
        ):  # what cannot be looked at, or goes round in a circle, cannot be read
            place = ahead.pop().resolve()
            if not place.is_relative_to(home):
                if _below(place, others):
                    continue
                return place
            if place not in seen and place.is_dir():
                seen.add(place)
                with os.scandir(place) as entries:
                    ahead += [
                        Path(entry)
                        for entry in entries
                        if entry.is_symlink() or entry.is_dir(follow_symlinks=False)
                    ]
    return None


def _below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
