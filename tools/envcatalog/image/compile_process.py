"""One compiling process: how it is started, spoken to and ended. The other end is `bytecode_worker`."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from functools import cache
from importlib import resources
from threading import Timer
from typing import IO

from envcatalog.image.tar import MTIME
from envcatalog.model.errors import Refusal

Source = tuple[str, bytes]

PATIENCE = 300  # seconds for one batch; some two hundred times what it takes
_GREETING_PATIENCE = 60
# No site (so nothing of the machine is imported), nothing written, UTF-8 whatever the locale. Not -I: it would ignore
# PYTHONHASHSEED, and the environment is empty but for that.
_OPTIONS = ("-s", "-S", "-B", "-W", "ignore", "-X", "utf8")
_ENVIRONMENT = {"PYTHONHASHSEED": "0"}


class Crash(Exception):
    """The process ended without an answer, by a fault of its own."""


class Worker:
    """A running process.

    Attributes:
        version: full version of its Python, ``3.11.2``.
        implementation: ``cpython`` ...
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._in: IO[bytes] = process.stdin
        self._out: IO[bytes] = process.stdout
        self.version = self._out.readline().decode("ascii", "replace").strip()
        self.implementation = self._out.readline().decode("ascii", "replace").strip()

    @classmethod
    def start(cls, command: tuple[str, ...]) -> Worker | None:
        """Start an interpreter with the worker's program; None when it cannot be started or is no Python."""
        try:
            process = subprocess.Popen(
                [*command, *_OPTIONS, "-c", _program(), str(MTIME)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd="/",
            )
        except OSError:
            return None
        timer = Timer(_GREETING_PATIENCE, process.kill)
        timer.start()
        try:
            worker = cls(process)
        finally:
            timer.cancel()
        if worker.implementation:
            return worker
        worker.close()
        return None

    def compile(self, batch: list[Source]) -> list[bytes | None]:
        """Compile a batch.

        Raises:
            Crash: the interpreter fell over one of the files.
            Refusal: it took over `PATIENCE` seconds, or was killed; both say nothing about the files, so an image
                without their byte code must not come of it.
        """
        timer = Timer(PATIENCE, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            self._send(batch)
            return [self._answer() for _ in batch]
        except (EOFError, BrokenPipeError):
            if self._process.wait() == -signal.SIGKILL:
                paths = batch[0][0] if len(batch) == 1 else f"{batch[0][0]}` ... `{batch[-1][0]}"
                raise Refusal(
                    f"the interpreter was killed, or took over {PATIENCE} s, while it compiled `{paths}`",
                    "look whether the machine ran out of memory",
                ) from None
            raise Crash from None
        finally:
            timer.cancel()

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._in.close()
        self._process.kill()
        self._process.wait()
        self._out.close()

    def _send(self, batch: list[Source]) -> None:
        pieces = [_number(len(batch))]
        for path, source in batch:
            name = path.encode()
            pieces += [_number(len(name)), name, _number(len(source)), source]
        self._in.write(b"".join(pieces))
        self._in.flush()

    def _answer(self) -> bytes | None:
        size = int.from_bytes(self._read(4), "little")
        return self._read(size) or None

    def _read(self, size: int) -> bytes:
        data = self._out.read(size)
        if len(data) < size:
            raise EOFError
        return data


@cache
def _program() -> str:
    return (resources.files("envcatalog.image") / "bytecode_worker.py").read_text()


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")
