"""A command in a container under a Docker Engine: its streams, signals and exit code are passed through."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from envcatalog.model.errors import UserError
from envcatalog.run.attach import Attached, Streams
from envcatalog.run.checks import RunnerFailed
from envcatalog.run.containers.events import (
    Ending,
    Events,
    attend,
    caught_signals,
    resize,
    wait_for_reader,
)
from envcatalog.run.containers.plan import ContainerPlan, create_arguments
from envcatalog.run.engine.client import connect, engine_errors, error_text
from envcatalog.run.terminal import raw_terminal
from envcatalog.run.watch import Watchdog

CALL_SECONDS = 300
NOT_FOUND, NOT_EXECUTABLE = 127, 126


class NotStarted(UserError):
    """No such program (127), or one that cannot be executed (126), in the numbers of a shell."""

    def __init__(self, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


@contextmanager
def open_engine() -> Iterator[Any]:
    """A client of the engine.

    Raises:
        UserError: none answers, or what is done with it fails in words of the engine that nobody has explained.
    """
    try:
        client = connect(CALL_SECONDS)
    except RunnerFailed:
        raise UserError(
            "no Docker Engine answers",
            "start one, say with `DOCKER_HOST` where it is, or use `--on local`, which needs none",
        ) from None
    try:
        yield client
    except engine_errors() as error:
        raise UserError(
            f"the Docker Engine failed: {error_text(error)}", "see whether it runs, and run the command again"
        ) from None
    finally:
        client.close()


def run_container(client: Any, plan: ContainerPlan, streams: Streams) -> int:
    """Run the command to its end; its exit code, which is 128 and the number where a signal ended it.

    Signals that this process gets are passed on, when this is its main thread; the third interrupt kills. The
    container is gone when this returns, and soon after where this process is killed.

    Raises:
        NotStarted: there is no such program in the image.
        UserError: the engine refuses, or has gone.
    """
    events: Events = queue.SimpleQueue()
    with caught_signals(events, tty=plan.tty), Watchdog() as watchdog:
        watchdog.watch(plan.name)
        try:
            return _run(client, plan, streams, events, init=True)
        except _NoInit:
            return _run(client, plan, streams, events, init=False)


class _NoInit(Exception):
    """The engine has no `docker-init`: in some distributions it is a package of its own."""


def _run(client: Any, plan: ContainerPlan, streams: Streams, events: Events, *, init: bool) -> int:
    terminal = streams.stdout.fileno() if plan.tty else None
    try:
        with ExitStack() as stack:
            client.create_container(**create_arguments(client, plan, init=init))
            attached = Attached(
                client, plan.name, streams, tty=plan.tty, unread=lambda: events.put(("unread", 0, ""))
            )
            stack.callback(attached.close)
            ending = Ending(client, plan.name, events)
            stack.callback(ending.join)
            stack.callback(_remove, client, plan.name)
            if plan.tty and streams.stdin is not None:
                stack.enter_context(raw_terminal(streams.stdin))
            attached.start()
            client.start(plan.name)
            resize(client, plan.name, terminal)
            code = attend(client, plan.name, events, init=init, stdout=terminal)
            wait_for_reader(attached.finish, events)
            return code
    except engine_errors() as error:
        raise _explained(plan, error_text(error), init=init) from None
    finally:
        _remove(client, plan.name)


def _remove(client: Any, name: str) -> None:
    with suppress(*engine_errors()):
        client.remove_container(name, force=True, v=True)


def _explained(plan: ContainerPlan, text: str, *, init: bool) -> Exception:
    """What the engine's words mean to someone who wants a command run."""
    if init and "docker-init" in text:
        return _NoInit()
    program = plan.command[0] if plan.command else "the image's own command"
    if "executable file not found" in text or ("exec:" in text and "no such file or directory" in text):
        return NotStarted(f"there is no program `{program}` in the image", "", NOT_FOUND)
    if "exec:" in text and "permission denied" in text:
        return NotStarted(f"`{program}` cannot be executed in the image", "", NOT_EXECUTABLE)
    if "No command specified" in text:
        return UserError("the image has no command of its own", "say what to run after `--`")
    if "could not select device driver" in text:
        return UserError(
            f"the engine has no GPUs to give (`gpus: {plan.gpus}`)",
            "install the engine's GPU support, or run with `--gpus none`",
        )
    if "bind source path does not exist" in text:
        return UserError(
            f"the engine does not find what is to be mounted: {_last(text)}",
            "it may run on another machine: run with `--folder none`",
        )
    if "already allocated" in text or "address already in use" in text:
        return UserError(f"a port is taken: {_last(text)}", "choose another with `--port HOST:CONTAINER`")
    return UserError(f"the engine did not run the command: {text}", "the engine's own log may say more")


def _last(text: str) -> str:
    return text.rpartition(": ")[2].strip()
