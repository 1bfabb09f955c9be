"""One editor of an environment at a time: who reads a file to write it back must not undo another's edit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from envcatalog.catalog.places import environment_folder
from envcatalog.model.names import is_name

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

P = ParamSpec("P")
T = TypeVar("T")


def alone(edit: Callable[Concatenate[Catalog, str, P], T]) -> Callable[Concatenate[Catalog, str, P], T]:
    """An edit of the environment that a name or reference begins with, from its reading to its writing."""

    @wraps(edit)
    def waiting(catalog: Catalog, text: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        name = text.partition("@")[0]
        if not is_name(name):
            return edit(catalog, text, *args, **kwargs)
        with _held(catalog.repository.root / environment_folder(name)):
            catalog.content.forget(name)
            return edit(catalog, text, *args, **kwargs)

    return waiting


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """A lock on the folder itself: no file is written, and a process that is killed leaves none."""
    handle = _lock(folder)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock(folder: Path) -> int | None:
    """None where the system or the file system has no locks, or there is no such folder, which the edit tells of."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle
