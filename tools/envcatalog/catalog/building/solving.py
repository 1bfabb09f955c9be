"""Definitions to locks, several environments at the same time: bases before children, and the answers in order.

Only `lock_environment` runs on threads. Whatever asks the `Content` (and so Git's one process for objects), or changes
it, is done by the caller's thread: an environment is read before its work begins, and its lock is handed over after.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from envcatalog.catalog.building.turn import Turn
from envcatalog.catalog.building.workshop import Workshop
from envcatalog.catalog.content import Content
from envcatalog.lock.resolve import Parent, lock_environment
from envcatalog.lock.stopping import Stop
from envcatalog.model.environment import Environment, EnvironmentBase
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import Lock

if TYPE_CHECKING:  # one environment needs no thread, and the import takes 20 ms
    from concurrent.futures import Future, ThreadPoolExecutor

THREADS = 8
# For each thread. What is solved before its turn waits in memory, and is lost where the run ends before its turn.
AHEAD = 4
_STEP = 0.2  # seconds

Keep = Callable[[str, Lock | None, Lock], None]
_Found = tuple[Lock | None, Lock] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What of a lock is made newer: everything, or packages and base images by name."""

    everything: bool = False
    packages: frozenset[str] = frozenset()


def thread_count() -> int:
    """How many environments may be solved at the same time: one for each processor, and not too many."""
    if hasattr(os, "sched_getaffinity"):
        return min(THREADS, len(os.sched_getaffinity(0)))
    return min(THREADS, os.cpu_count() or 1)


def parent_of(content: Content, name: str) -> Parent | None:
    """What a child must know of the environments it inherits from; None where it inherits from none."""
    environment = content.environment(name)
    if not isinstance(environment.base, EnvironmentBase):
        return None
    base = environment.base.environment
    chain = content.chain(base)
    return Parent.of(
        environments=chain,
        locks=tuple(content.fresh_lock(item.name) for item in chain),
        plan_digest=content.locked_plan(base).digest,
    )


class _Threads:
    """Work on a few threads, ended where the block ends. With one thread it is done when its answer is asked for."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._stop = Stop()
        self._pool: ThreadPoolExecutor | None = None

    def start(self, work: Callable[[], Lock]) -> Callable[[], Lock]:
        """What is returned waits for the answer."""
        if self.count < 2:
            return work
        if self._pool is None:
            import sysconfig
            from concurrent.futures import ThreadPoolExecutor

            sysconfig.get_config_vars()  # until it has answered once, a second thread is told of no variable at all
            self._pool = ThreadPoolExecutor(
                self.count, thread_name_prefix="lock", initializer=self._stop.enter
            )
        return partial(_answer, self._pool.submit(work))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.stop()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """One environment; `found` waits for its locks, or raises what is to be told in its turn."""

    turn: Turn
    found: Callable[[], _Found]


class Solving:
    """Environments to be solved, each lock to be handed over in the content's order.

    Where a lock is refused, or its taker raises, what is being solved is ended. It is lost, as is what is solved
    already and comes later in order.

    Args:
        names: with all bases; of those that are not asked for, only the stale ones are solved.

    Attributes:
        name: whose turn it is, or was when an error ended it; empty before.
    """

    def __init__(
        self, content: Content, names: Iterable[str], asked: Mapping[str, Renewal], workshop: Workshop
    ) -> None:
        self.name = ""
        self._content = content
        self._order = content.order(names)
        self._asked = asked
        self._workshop = workshop
        self._threads = _Threads(min(thread_count(), len(self._order)))
        self._most = AHEAD * max(1, self._threads.count)
        self._begun: dict[int, _Begun] = {}
        self._ready: list[int] = []  # places in order; a heap
        self._waiting: dict[str, list[int]] = {}  # by the base that must be locked first

    def run(self, keep: Keep) -> None:
        """Solve all of them.

        Args:
            keep: takes name, old lock and new one, without what is known of its files. It is called on this thread, and
                must give the content the new lock, which children are solved with.

        Raises:
            Refusal: no set of packages satisfies the definition.
            UserError: an old lock cannot be read, or an index, mirror or registry cannot be reached.
        """
        self._sort_in()
        with self._threads:
            for place, name in enumerate(self._order):
                self.name = name
                self._begin()
                begun = self._begun.pop(place)
                begun.turn.come()
                found = begun.found()
                if found is not None:
                    keep(name, *found)
                for child in self._waiting.pop(name, ()):
                    heapq.heappush(self._ready, child)

    def _sort_in(self) -> None:
        before: set[str] = set()
        for place, name in enumerate(self._order):
            base = self._content.environment(name).base
            if isinstance(base, EnvironmentBase) and base.environment in before:
                self._waiting.setdefault(base.environment, []).append(place)
            else:
                self._ready.append(place)
            before.add(name)

    def _begin(self) -> None:
        """The next in order is among them: its base is done, and one more place is free since the last one left."""
        while self._ready and len(self._begun) < self._most:
            place = heapq.heappop(self._ready)
            turn = Turn(self._workshop.progress)
            self._begun[place] = _Begun(turn=turn, found=self._start(self._order[place], turn))

    def _start(self, name: str, turn: Turn) -> Callable[[], _Found]:
        try:
            if name not in self._asked and self._content.is_fresh(name):
                return lambda: None
            return self._solver(name, turn)
        except Exception as error:  # whoever comes before it in order may have an error of its own
            return partial(_raise, error)

    def _solver(self, name: str, turn: Turn) -> Callable[[], _Found]:
        content, workshop, renewal = self._content, self._workshop, self._asked.get(name, Renewal())
        environment = content.environment(name)
        previous = _previous(content, name, renewal)
        turn.step(f"locking {name}")
        jars = environment.spark is not None and bool(environment.spark.jars)
        work = partial(
            lock_environment,
            environment,
            settings=workshop.settings,
            parent=parent_of(content, name),
            previous=previous,
            upgrade=renewal.everything,
            upgrade_packages=renewal.packages,
            images=workshop.images,
            cache=workshop.cache,
            progress=turn,
            files=content.folder(name) if jars else (),
        )
        # Files of a commit are read through Git's one process, which is for one thread.
        lock = work if jars else self._threads.start(work)
        return lambda: (previous, self._with_dockerfile(environment, lock(), previous, turn))

    def _with_dockerfile(
        self, environment: Environment, lock: Lock, previous: Lock | None, turn: Turn
    ) -> Lock:
        if environment.dockerfile is None:
            return lock
        from envcatalog.lock.dockerfile import lock_dockerfile

        renewal = self._asked.get(environment.name, Renewal())
        locked = lock_dockerfile(
            environment,
            self._content.folder(environment.name),
            previous=previous,
            upgrade=renewal.everything,
            upgrade_packages=renewal.packages,
            images=self._workshop.images,
            progress=turn,
        )
        return replace(lock, dockerfile=locked)


def _answer(future: Future[Lock]) -> Lock:
    """Its answer; in steps, since a system may give an interrupt to a thread that is not the one that waits here."""
    from concurrent.futures import wait

    while not wait([future], timeout=_STEP).done:
        pass
    return future.result()


def _previous(content: Content, name: str, renewal: Renewal) -> Lock | None:
    try:
        return content.lock(name)
    except Refusal as error:
        if not renewal.everything:
            raise UserError(error.message, f"run `envcat lock --upgrade {name}` to make it anew") from error
        return None


def _raise(error: Exception) -> NoReturn:
    raise error
