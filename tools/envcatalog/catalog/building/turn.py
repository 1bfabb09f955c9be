"""What several works say while they go on at the same time: each in its turn, as if they went on one after another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock

from envcatalog.model.seams import Bar, Progress, Silent


class Turn:
    """A Progress that holds back what is said until the work's turn comes. Safe for several threads.

    Args:
        progress: whom it is told.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = Lock()
        self._held: list[Callable[[], None]] = []
        self._come = False

    def come(self) -> None:
        """Tell what was held back; what is said from now on is told at once."""
        with self._lock:
            self._come = True
            for tell in self._held:
                tell()
            self._held.clear()

    def step(self, text: str) -> None:
        """See `Progress`."""
        with self._lock:
            if not self._come:
                self._held.append(lambda: self._progress.step(text))
                return
        self._progress.step(text)

    def bar(self, title: str, total: int | None) -> AbstractContextManager[Bar]:
        """See `Progress`. One that begins before its turn is told when it comes, without its course."""
        with self._lock:
            if not self._come:
                self._held.append(lambda: self._begin_and_end(title, total))
                return Silent().bar(title, total)
        return self._progress.bar(title, total)

    def _begin_and_end(self, title: str, total: int | None) -> None:
        with self._progress.bar(title, total):
            pass
