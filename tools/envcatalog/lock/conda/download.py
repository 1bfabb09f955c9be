"""Fetch one conda package with the library's own client, so that its credentials and mirrors count.

It knows `RATTLER_AUTH_FILE`, the keyring and `~/.netrc`, and leaves a host's credentials out where a redirect leads to
another one.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import IO, Any

from envcatalog.lock.conda.channels import public_address, without_secrets
from envcatalog.lock.conda.client import client_for
from envcatalog.lock.conda.loop import wait
from envcatalog.lock.download import DifferentError, GoneError
from envcatalog.model.errors import UserError

SILENCE = 60.0  # seconds without a byte
ATTEMPTS = 3  # of a download that breaks; the client itself asks again where a server is busy
_STATUS = re.compile(r"\((\d{3})\b")


def fetch_package(
    url: str, out: IO[bytes], *, size: int, sha256: str, advance: Callable[[int], None]
) -> None:
    """Write the package's bytes to `out` and verify them; never more than `size` of them are read.

    Raises:
        GoneError: there is no such file.
        DifferentError: other bytes than expected; `out` then holds some of them.
        UserError: the channel cannot be reached, or refuses.
    """
    from rattler.package_streaming import download_to_writer

    for attempt in range(1, ATTEMPTS + 1):
        writer = _Writer(out, size, advance)
        try:
            wait(
                _watched(download_to_writer(client_for([url]), public_address(url), writer), writer),
                limit=None,
            )
        except OSError as error:  # the connection broke, or nothing more came
            advance(-writer.done)
            if attempt == ATTEMPTS:
                raise _failed(url, str(error)) from None
            continue
        except RuntimeError as error:
            status = _STATUS.search(str(error))
            if status and status[1] in ("404", "410"):
                raise GoneError from None
            raise _failed(url, f"HTTP status {status[1]}" if status else str(error)) from None
        writer.check(sha256)
        return


async def _watched(work: Coroutine[Any, Any, None], writer: _Writer) -> None:
    task, done = asyncio.ensure_future(work), -1
    while not task.done():
        if writer.done == done:
            task.cancel()
            raise TimeoutError(f"nothing came for {SILENCE:g} s")
        done = writer.done
        await asyncio.wait({task}, timeout=SILENCE)
    await task


class _Writer:
    """Takes what the client reads, and ends it at the first byte too many."""

    def __init__(self, out: IO[bytes], size: int, advance: Callable[[int], None]) -> None:
        out.seek(0)
        out.truncate()
        self._out = out
        self._size = size
        self._advance = advance
        self._digest = hashlib.sha256()
        self.done = 0

    def write(self, data: bytes) -> int:
        """The next bytes."""
        self.done += len(data)
        if self.done > self._size:
            raise DifferentError(f"it is larger than {self._size} bytes")
        self._digest.update(data)
        self._out.write(data)
        self._advance(len(data))
        return len(data)

    def flush(self) -> None:
        """The caller does that."""

    def check(self, sha256: str) -> None:
        """Whether all came, and is what it should be."""
        if self.done < self._size:
            raise DifferentError(f"it has {self.done} instead of {self._size} bytes")
        found = self._digest.hexdigest()
        if found != sha256:
            raise DifferentError(f"its sha256 is `{found}` instead of `{sha256}`")


def _failed(url: str, reason: str) -> UserError:
    return UserError(
        f"`{without_secrets(url)}` cannot be read: {without_secrets(reason)}",
        "is the channel reachable, and are there credentials for it in `~/.netrc` or `RATTLER_AUTH_FILE`?",
    )
