"""A process beside ours that outlives it: when ours is gone without a word, it removes what ours had started.

    python -P -m envcatalog.run.watch < a pipe that only our process holds

Each line names a container; the line ``done`` says that all is well. Where the pipe ends without it, every container
that was named is removed. Nothing heavy is imported before that.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

DONE = "done"
SECONDS = 20.0
PAUSE = 0.25


class Watchdog:
    """A context manager; whoever leaves it without an error has removed its containers itself."""

    def __enter__(self) -> Self:
        # In a session of its own, so that what is sent to our process group does not reach it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "envcatalog.run.watch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        return self

    def watch(self, name: str) -> None:
        """Before the container is made."""
        self._say(name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say(DONE)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()


def _main() -> None:
    names = [line.rstrip("\n") for line in sys.stdin]
    if names and names[-1] == DONE:
        return
    for name in names:
        _remove(name)


def _remove(name: str) -> None:
    """Keep trying for a while: our process may have died while the engine was still making the container."""
    from docker.errors import NotFound

    from envcatalog.run.checks import RunnerFailed
    from envcatalog.run.engine.client import connect, engine_errors

    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            client = connect(10)
        except RunnerFailed:
            return
        try:
            client.remove_container(name, force=True, v=True)
            return
        except NotFound:
            time.sleep(PAUSE)
        except engine_errors():
            time.sleep(PAUSE)
        finally:
            client.close()


if __name__ == "__main__":
    _main()
