"""When to try again, how long to wait, and when to stop.

Source: RFC 9110, "Retry-After" (seconds or a date).
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

RETRY_STATUS = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Bounds; all times in seconds.

    Attributes:
        attempts: how often one operation is tried in all.
        first: the first pause, doubled each time, and scattered between a half and the whole of that.
        longest: no pause is longer, whatever the registry asks for.
        total: all pauses of one operation together.
    """

    attempts: int = 5
    first: float = 0.25
    longest: float = 30.0
    total: float = 90.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time


class Retries:
    """The state of one operation."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._tried = 1
        self._slept = 0.0

    def again(self, retry_after: str | None = None) -> bool:
        """Pause and return True, or return False when the bounds are reached."""
        policy = self._policy
        if self._tried >= policy.attempts:
            return False
        pause = _seconds(retry_after, policy.clock()) if retry_after else None
        if pause is None:
            pause = policy.first * 2 ** (self._tried - 1) * random.uniform(0.5, 1.0)  # noqa: S311
        pause = min(pause, policy.longest)
        if self._slept + pause > policy.total:
            return False
        self._tried += 1
        self._slept += pause
        policy.sleep(pause)
        return True


def _seconds(value: str, now: float) -> float | None:
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", value, re.ASCII):
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, when - now)
