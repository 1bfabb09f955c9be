"""Tasks on a Dask cluster that somebody else runs; its workers have the same release of envcat installed.

Dask runs a task again when its worker is lost, up to its own limit (`distributed.scheduler.allowed-failures`).
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from envcatalog.catalog.publishing.part import Job, Part, publish_part
from envcatalog.model.errors import UserError
from envcatalog.model.result import Published

_SECONDS = 15


class Dask:
    """A scheduler's workers; see `executing.Executor`.

    Args:
        address: ``HOST:PORT`` of the scheduler.
    """

    def __init__(self, address: str) -> None:
        self._distributed = _load()
        logging.getLogger("distributed").setLevel(
            logging.CRITICAL
        )  # its warnings are for who runs the cluster
        try:
            self._client: Any = self._distributed.Client(
                f"tcp://{address}", timeout=_SECONDS, set_as_default=False, name="envcat"
            )
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            raise UserError(
                f"no Dask scheduler answers at `{address}`", "check the address, and the releases of Dask"
            ) from error
        self._futures: list[Any] = []

    @property
    def workers(self) -> int:
        """See `Executor`; as many as there are now, though more may come."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    @property
    def is_local(self) -> bool:
        """See `Executor`."""
        return False

    def run(self, job: Job, parts: Sequence[Part]) -> Iterator[tuple[Part, tuple[Published, ...]]]:
        """See `Executor`."""
        run = uuid4().hex[:8]  # a key that was used before would be answered from the cluster's memory
        named = {
            self._client.submit(
                publish_part, job, part, key=f"envcat-{run}-{number}-{part[0]}", retries=0
            ): part
            for number, part in enumerate(parts)
        }
        self._futures = list(named)
        for future in self._distributed.as_completed(self._futures, loop=self._client.loop):
            yield named[future], self._result(future, named[future])
        self._futures = []

    def close(self) -> None:
        """See `Executor`."""
        if self._futures:
            self._client.cancel(self._futures, force=True)
        self._client.close()

    def _result(self, future: Any, part: Part) -> tuple[Published, ...]:
        try:
            rows: tuple[Published, ...] = future.result()
        except self._distributed.KilledWorker as error:
            raise UserError(
                f"the workers that took `{part[0]}` were lost one after another", "look at the workers' logs"
            ) from error
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"a worker cannot load envcat: {error}", "install the same release of envcat on the workers"
            ) from error
        return rows


def _load() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise UserError(
            "the executor `dask://` needs Dask, which is not installed",
            "run `pip install 'envcatalog[dask]'`",
        ) from error
