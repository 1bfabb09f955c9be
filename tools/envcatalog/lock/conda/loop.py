"""Run what the conda library does in its own threads, and wait for it."""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

# After an answer, the library's threads still give back what they hold of Python. An interpreter that ends in that
# moment crashes (seen with 0.28: one failing solve in ten that was followed by nothing else), so the end waits.
_GRACE = 0.05  # seconds
_Result = TypeVar("_Result")


def wait(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end, also where the caller is inside of an event loop (a notebook)."""
    _end_gracefully()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@cache
def _end_gracefully() -> None:
    atexit.register(time.sleep, _GRACE)
