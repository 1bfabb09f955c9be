"""A command in a virtual environment on this machine: no engine, no container, the caller's own user and files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from envcatalog.run.attach import Streams
from envcatalog.run.containers.run import NOT_EXECUTABLE, NOT_FOUND, NotStarted

# Whose the session is, how it speaks, where it shows something, and what this machine has in place of an image's
# programs and devices. PATH comes after the environment's own programs.
MACHINE = frozenset(
    (
        *("HOME", "LOGNAME", "SHELL", "TMPDIR", "TZ", "USER"),
        *("COLORTERM", "LANG", "LANGUAGE", "NO_COLOR", "TERM"),
        *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"),
        *("CUDA_VISIBLE_DEVICES", "JAVA_HOME", "PATH"),
    )
)
LOCALE = "LC_"
FORWARDED = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGINT")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalProcess:
    """A process to start: `program` is a path, `command[0]` what the caller called it."""

    program: str
    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    folder: Path


def find_program(command: tuple[str, ...], *, path: str, folder: Path) -> str:
    """The program's path, found as a shell would.

    Raises:
        NotStarted: there is none, or it cannot be executed.
    """
    name = command[0]
    place = str(folder / name) if os.sep in name else name
    found = shutil.which(place, path=path)
    if found is not None:
        return found
    if os.sep in name and (folder / name).exists():
        raise NotStarted(f"`{name}` cannot be executed", "", NOT_EXECUTABLE)
    raise NotStarted(f"there is no program `{name}` in the environment or on PATH", "", NOT_FOUND)


def become(process: LocalProcess) -> NoReturn:
    """Let the program take this process over: its signals, its terminal and its exit code need no passing on."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(process.folder)
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and what is ignored stays so
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    with _explained(process):
        os.execve(process.program, process.command, dict(process.env))  # noqa: S606
    raise AssertionError("unreachable")


def run_process(process: LocalProcess, streams: Streams) -> int:
    """Run it below this process; its exit code, 128 and the number where a signal ended it."""
    with (
        _explained(process),
        subprocess.Popen(
            process.command,
            executable=process.program,
            cwd=process.folder,
            env=dict(process.env),
            stdin=subprocess.DEVNULL if streams.stdin is None else streams.stdin,
            stdout=subprocess.PIPE if _piped(streams.stdout) else streams.stdout,
            stderr=subprocess.PIPE if _piped(streams.stderr) else streams.stderr,
        ) as started,
        _forwarded(started),
    ):
        pumps = [
            threading.Thread(target=shutil.copyfileobj, args=(source, target))
            for source, target in ((started.stdout, streams.stdout), (started.stderr, streams.stderr))
            if source is not None
        ]
        for pump in pumps:
            pump.start()
        code = started.wait()
        for pump in pumps:
            pump.join()
    return code if code >= 0 else 128 - code


def _piped(stream: object) -> bool:
    """Whether a stream is one of Python alone, as those that collect an output in memory are."""
    try:
        stream.fileno()  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return True
    return False


@contextmanager
def _explained(process: LocalProcess) -> Iterator[None]:
    try:
        yield
    except PermissionError:
        raise NotStarted(f"`{process.command[0]}` cannot be executed", "", NOT_EXECUTABLE) from None
    except FileNotFoundError:
        # The file is there: what its first line names is not.
        raise NotStarted(f"what `{process.command[0]}` is to be run by is not there", "", NOT_FOUND) from None
    except OSError as error:
        raise NotStarted(
            f"`{process.command[0]}` cannot be executed: {error.strerror}", "", NOT_EXECUTABLE
        ) from None


@contextmanager
def _forwarded(started: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass signals on, in the main thread; a terminal sends its interrupts to the process group by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pass_on(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and _has_terminal():
            return
        with suppress(ProcessLookupError):
            started.send_signal(number)

    numbers = [getattr(signal, name) for name in FORWARDED if hasattr(signal, name)]
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _has_terminal() -> bool:
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def local_variables(
    inherited: Mapping[str, str], own: Mapping[str, str], prefix: Path | None, *, prefix_inside: str
) -> dict[str, str]:
    """The variables of a command: the machine's, then the definition's, then the environment's own.

    Args:
        inherited: the caller's. A container would have none of them, so only those of `MACHINE` go on: the rest would
            be a difference between here and there, and passwords and tokens are among it.
        prefix_inside: what the definition's values call the prefix, since it has another place here.
    """
    values = {name: value for name, value in inherited.items() if name in MACHINE or name.startswith(LOCALE)}
    if prefix is None:
        return values | dict(own)
    values |= {name: value.replace(prefix_inside, str(prefix)) for name, value in own.items()}
    values["PATH"] = f"{prefix / 'bin'}{os.pathsep}{values.get('PATH', os.defpath)}"
    return values
