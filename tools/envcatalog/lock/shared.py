"""Work that several threads need at the same time, and one of them does."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from envcatalog.model.errors import UserError

if TYPE_CHECKING:  # it takes 20 ms
    from concurrent.futures import Future

T = TypeVar("T")


class Shared(Generic[T]):
    """Gives all who ask while the work is being done one answer; nothing is kept after that."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[Hashable, Future[T]] = {}

    def do(self, key: Hashable, work: Callable[[], T]) -> T:
        """The work's answer, or its UserError. Any other error is of one thread only: another one does the work then.

        Args:
            work: must not ask for the same key again.
        """
        while True:
            future, mine = self._join(key)
            if mine:
                return self._work(key, work, future)
            try:
                return future.result()
            except UserError:
                raise
            except BaseException as error:
                if not future.done() or error is not future.exception():
                    raise  # this very thread was interrupted, not the one that works

    def _join(self, key: Hashable) -> tuple[Future[T], bool]:
        from concurrent.futures import Future

        with self._lock:
            found = self._running.get(key)
            if found is not None:
                return found, False
            made: Future[Any] = Future()
            self._running[key] = made
            return made, True

    def _work(self, key: Hashable, work: Callable[[], T], future: Future[T]) -> T:
        try:
            answer = work()
        except BaseException as error:
            self._leave(key)
            future.set_exception(error)
            raise
        self._leave(key)
        future.set_result(answer)
        return answer

    def _leave(self, key: Hashable) -> None:
        with self._lock:
            del self._running[key]
