"""Run what the conda library does in its own threads, and wait for it."""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import Coroutine
from functools import cache
from threading import Lock
from typing import Any, TypeVar

from envcatalog.lock.stopping import ended_by

# After an answer, the library's threads still give back what they hold of Python. An interpreter that ends in that
# moment crashes (seen with 0.28: one failing solve in ten that was followed by nothing else), so the end waits.
_GRACE = 0.05  # seconds
TIME_LIMIT = 600.0  # seconds
# Held while channels are read: what they say takes hundreds of megabytes, and the library is on all processors anyway.
one_at_a_time = Lock()
_Result = TypeVar("_Result")


def wait(work: Coroutine[Any, Any, _Result], *, limit: float | None = TIME_LIMIT) -> _Result:
    """Run to the end, also where the caller is inside of an event loop (a notebook).

    Raises:
        TimeoutError: it took longer than `limit` seconds; the library itself waits for a silent server forever.
        StoppedError: nobody waits for this thread's work any longer.
    """
    _end_gracefully()
    work = _stoppable(work if limit is None else _limited(work, limit))
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _limited(work: Coroutine[Any, Any, _Result], limit: float) -> _Result:
    try:
        return await asyncio.wait_for(work, limit)
    except TimeoutError:
        raise TimeoutError(f"no answer within {limit:g} s") from None


async def _stoppable(work: Coroutine[Any, Any, _Result]) -> _Result:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    with ended_by(lambda: _cancel_soon(loop, task)):
        return await task


def _cancel_soon(loop: asyncio.AbstractEventLoop, task: asyncio.Future[Any]) -> None:
    loop.call_soon_threadsafe(task.cancel)


@cache
def _end_gracefully() -> None:
    atexit.register(time.sleep, _GRACE)
