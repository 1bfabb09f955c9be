"""What happens while a container runs: signals to us, its end, a reader that has gone; one after another."""

from __future__ import annotations

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Literal

from envcatalog.model.errors import UserError
from envcatalog.run.engine.client import engine_errors, error_text
from envcatalog.run.terminal import terminal_size

Kind = Literal["signal", "exit", "lost", "unread"]
Event = tuple[Kind, int, str]
Events = queue.SimpleQueue[Event]

FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
STUBBORN_SECONDS = 10.0  # as `docker stop` has it
INTERRUPTS = 3
PAUSE_SECONDS = 0.1


@contextmanager
def caught_signals(events: Events, *, tty: bool) -> Iterator[None]:
    """Signals become events; only in the main thread, where Python can catch them."""
    names = (*FORWARDED, "SIGWINCH") if tty else FORWARDED
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def caught(number: int, _: FrameType | None) -> None:
        events.put(("signal", number, signal.Signals(number).name))

    before = {
        number: signal.signal(number, caught)
        for number in numbers
        # What our caller has us ignore (`nohup`) stays so.
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Ending:
    """Waits for a container's end in a thread. Made before the container starts, so its end cannot be missed."""

    def __init__(self, client: Any, name: str, events: Events) -> None:
        # The SDK's own `wait` returns at the end only; the engine says at once that it has begun to wait.
        address = client._url("/containers/{0}/wait", name)
        self._answer = client.post(address, params={"condition": "removed"}, stream=True, timeout=None)
        self._answer.raise_for_status()
        self._thread = threading.Thread(target=self._wait, args=(events,), name="envcat-wait", daemon=True)
        self._thread.start()

    def _wait(self, events: Events) -> None:
        errors: tuple[type[Exception], ...] = (
            *engine_errors(),
            OSError,
            ValueError,
            KeyError,
            AttributeError,
        )
        try:
            answer = self._answer.json()
            events.put(("exit", int(answer["StatusCode"]), ""))
        except errors as error:
            events.put(("lost", 0, error_text(error)))

    def join(self) -> None:
        """Wait for the thread; call it when the container is being removed."""
        self._thread.join()
        self._answer.close()


def attend(client: Any, name: str, events: Events, *, init: bool, stdout: int | None) -> int:
    """Do what the events ask for until the container has ended; its exit code.

    Args:
        init: whether process 1 passes on what the command does not handle; otherwise whoever does not end within
            ten seconds of being told to is killed.
        stdout: descriptor of the terminal whose size the container's has; None without one.

    Raises:
        UserError: the engine has gone.
    """
    interrupts, deadline = 0, float("inf")
    while True:
        try:
            kind, number, text = events.get(timeout=_left(deadline))
        except queue.Empty:
            _signal(client, name, "SIGKILL")
            deadline = float("inf")
            continue
        if kind == "exit":
            return number
        if kind == "lost":
            raise UserError(
                "the engine went away while the command ran", f"the engine's log says why: {text}"
            )
        if text == "SIGWINCH":
            resize(client, name, stdout)
            continue
        if kind == "unread":
            text = "SIGTERM"
        interrupts += text == "SIGINT"
        _signal(client, name, "SIGKILL" if interrupts >= INTERRUPTS else text)
        if text in ENDING and not init:
            deadline = min(deadline, time.monotonic() + STUBBORN_SECONDS)


def wait_for_reader(finish: Callable[[float], bool], events: Events) -> None:
    """Wait until all output has been read, as long as that takes; a signal that ends things ends this, too.

    Args:
        finish: waits for so many seconds; whether all is passed on.
    """
    while not finish(PAUSE_SECONDS):
        with suppress(queue.Empty):
            if events.get_nowait()[2] in ENDING:
                return


def resize(client: Any, name: str, stdout: int | None) -> None:
    """Give the container's terminal the size of ours."""
    size = terminal_size(stdout) if stdout is not None and sys.platform != "win32" else None
    if size is not None:
        with suppress(*engine_errors()):
            client.resize(name, height=size[1], width=size[0])


def _left(deadline: float) -> float | None:
    return None if deadline == float("inf") else max(0.0, deadline - time.monotonic())


def _signal(client: Any, name: str, text: str) -> None:
    with suppress(*engine_errors()):  # it has just ended
        client.kill(name, text)
