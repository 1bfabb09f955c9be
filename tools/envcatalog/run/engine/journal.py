"""What unfinished builds made in an engine, so that what a killed process left there is removed by the next one.

A file for each build names its images and containers, and is locked for as long as the process lives. One that can be
locked is of a build that was killed. An engine stops a build whose client is gone, but keeps the images it made.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

Forget = Callable[[str, str], None]


class Journal:
    """The open file of one build."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def note(self, kind: str, name: str) -> None:
        """Something was made: ``image`` or ``container``, and its id."""
        self._file.write(f"{kind} {name}\n")
        self._file.flush()


@contextmanager
def journal(cache: Path, engine: str, forget: Forget) -> Iterator[Journal]:
    """A build's journal; first what killed builds left is forgotten.

    Args:
        engine: which engine it is; what was made in another one is left alone.
        forget: removes an image or container by kind and id; errors are its own affair.
    """
    folder = cache / "docker" / "unfinished"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.txt")):
        _settle(path, engine, forget)
    path = folder / f"{secrets.token_hex(8)}.txt"
    with path.open("x", encoding="utf-8") as file:
        _lock(file, wait=True)
        file.write(f"{engine}\n")
        try:
            yield Journal(file)
        finally:
            # Whoever ends a build in an orderly way has removed what it made.
            path.unlink(missing_ok=True)


@contextmanager
def exclusive(cache: Path) -> Iterator[None]:
    """One process at a time, of those that share the cache."""
    folder = cache / "docker"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tags.lock").open("a", encoding="utf-8") as file:
        _lock(file, wait=True)
        yield


def _settle(path: Path, engine: str, forget: Forget) -> None:
    with suppress(OSError), path.open("r+", encoding="utf-8", errors="replace") as file:
        if not _lock(file):
            return
        lines = file.read().splitlines()
        if not lines:  # made a moment ago, and not locked yet
            return
        if lines[0] != engine:
            return
        # Images are made on top of one another: the last first.
        for line in reversed(lines[1:]):
            kind, _, name = line.partition(" ")
            forget(kind, name)
        path.unlink(missing_ok=True)


def _lock(file: IO[Any], *, wait: bool = False) -> bool:
    """Whether nobody else has it; never, where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return False
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return os.fstat(file.fileno()).st_nlink > 0
