"""Let the work of other threads end early: what they wait for is ended for them.

A thread that works for a `Stop` enters it once. Where it then waits for something that takes long (a process, the conda
library, a download), it says by `ended_by` how that is ended. Elsewhere `ended_by` does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from threading import Lock

End = Callable[[], None]


class StoppedError(Exception):
    """Nobody waits for the answer any longer."""


class Stop:
    """Ends the work of several threads at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ends: dict[int, End] = {}
        self._keys = count()
        self._stopped = False

    def enter(self) -> None:
        """From here on, this thread works for it."""
        _current.set(self)

    def stop(self) -> None:
        """End all that the threads wait for, and what they would begin to wait for."""
        with self._lock:
            self._stopped = True
            for end in self._ends.values():
                end()

    @contextmanager
    def ending(self, end: End) -> Iterator[None]:
        """Call `end`, in another thread, when this is stopped inside of the block.

        Raises:
            StoppedError: it is stopped already.
        """
        with self._lock:
            if self._stopped:
                raise StoppedError
            key = next(self._keys)
            self._ends[key] = end
        try:
            yield
        finally:
            with self._lock:  # so that nothing is ended that is over
                del self._ends[key]


_current: ContextVar[Stop | None] = ContextVar("stop", default=None)


@contextmanager
def ended_by(end: End) -> Iterator[None]:
    """A block that waits; `end` ends the wait, at once and without waiting itself.

    Raises:
        StoppedError: nobody waits for this thread's work any longer.
    """
    stop = _current.get()
    if stop is None:
        yield
        return
    with stop.ending(end):
        yield
