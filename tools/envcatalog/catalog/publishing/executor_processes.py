"""Tasks in processes of this machine."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from envcatalog.catalog.publishing.part import Job, Part, publish_part
from envcatalog.model.errors import UserError
from envcatalog.model.result import Published

_LOSSES = 3


class Processes:
    """So many processes; see `executing.Executor`. Clones are in a folder that goes with them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="envcat-processes-", ignore_cleanup_errors=True)

    @property
    def workers(self) -> int:
        """See `Executor`."""
        return self._count

    @property
    def is_local(self) -> bool:
        """See `Executor`."""
        return True

    def run(self, job: Job, parts: Sequence[Part]) -> Iterator[tuple[Part, tuple[Published, ...]]]:
        """See `Executor`."""
        job = replace(job, scratch=self._scratch.name)
        waiting, losses = list(parts), 0
        while waiting:
            pool = self._open()
            futures = {pool.submit(publish_part, job, part): part for part in waiting}
            try:
                for future in as_completed(futures):
                    rows = future.result()
                    waiting.remove(futures[future])
                    yield futures[future], rows
            except BrokenProcessPool as error:
                losses += 1
                self._pool = None
                if losses > _LOSSES:
                    raise UserError(
                        f"{losses} worker processes were killed", "look for a lack of memory"
                    ) from error

    def close(self) -> None:
        """See `Executor`."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            self._pool.shutdown(wait=True)
        self._scratch.cleanup()

    def _open(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # A fork would copy threads and open connections of this process.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._count, mp_context=context, initializer=_ignore_interrupts)
        return self._pool


def _ignore_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
