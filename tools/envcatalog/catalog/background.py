"""Requests that the next environment need not wait for."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:  # nothing published means no thread, and the import takes 20 ms
    from concurrent.futures import Future, ThreadPoolExecutor

THREADS = 3
T = TypeVar("T")


class Background:
    """Work on a few threads; a context manager that waits for all of it.

    An error is raised where the next work is handed over, or at the end. What has begun is finished either way.

    Args:
        inline: do everything at once instead, for what is not safe on several threads.
    """

    def __init__(self, *, inline: bool = False) -> None:
        self._inline = inline
        self._pool: ThreadPoolExecutor | None = None
        self._tasks: list[Future[None]] = []

    def run(self, work: Callable[[], None]) -> None:
        """Do it soon. Raises what earlier work raised."""
        if self._inline:
            work()
            return
        for task in self._tasks:
            if task.done():
                task.result()
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(self._threads().submit(work))

    def start(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begin it now; what is returned waits for the result, or raises what the work raised."""
        return work if self._inline else self._threads().submit(work).result

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="requests")
        return self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(wait=True)
        if error is None:
            for task in self._tasks:
                task.result()
