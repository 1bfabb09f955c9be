"""The checks of a definition, run in the built image before a version is claimed."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from envcatalog.model.errors import UserError
from envcatalog.model.image import BuiltImage, BuiltPlatform, Layer
from envcatalog.model.result import CheckHow, CheckReport, CheckResult
from envcatalog.model.seams import Progress

OUTPUT_BYTES = 4096
CHECK_SECONDS = 300.0

Blob = Callable[[Layer], Path]


class RunnerFailed(Exception):
    """The runner itself could not do its work; nothing is known about the check. Its text is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one command ended; `exit_code` None when it was killed because its time was over."""

    exit_code: int | None
    output: bytes


class Session(Protocol):
    """An image that is ready to run commands."""

    def run(self, command: tuple[str, ...], *, timeout: float) -> Outcome:
        """One command without a shell, without a network, as the image's user. Raises RunnerFailed."""


class Runner(Protocol):
    """A way to run commands in an image."""

    @property
    def name(self) -> CheckHow:
        """What the version tag says about how the checks were run."""

    def unavailable(self, platform: str) -> str | None:
        """Why it cannot run this platform's programs here; None when it can."""

    def open(self, platform: BuiltPlatform, blob: Blob) -> AbstractContextManager[Session]:
        """Make the image ready, and leave no trace of it afterwards. Raises RunnerFailed."""


class Tail:
    """Keeps the last bytes of an output of any length."""

    def __init__(self, size: int = OUTPUT_BYTES) -> None:
        self._size = size
        self._data = b""

    def add(self, data: bytes) -> None:
        """More output."""
        self._data = (self._data + data)[-self._size :]

    @property
    def data(self) -> bytes:
        """The last bytes."""
        return self._data


def run_checks(
    image: BuiltImage,
    platform: BuiltPlatform,
    commands: tuple[str, ...],
    *,
    runners: Sequence[Runner],
    blob: Blob,
    timeout: float = CHECK_SECONDS,
    progress: Progress,
) -> CheckReport:
    """Run the commands of one platform with the first runner that can, until one fails.

    Args:
        commands: each split as a shell splits words, but run without a shell.
        runners: in order of preference, see `runners.default_runners`.
        blob: the local file of a layer's compressed blob; called once for each layer that is needed.
        timeout: seconds for each command.

    Raises:
        UserError: a command cannot be split into words.
    """
    if not commands:
        return CheckReport(platform=platform.platform, how="none")
    words = tuple(_split(command) for command in commands)
    reasons: list[str] = []
    for runner in runners:
        reason = runner.unavailable(platform.platform)
        if reason is None:
            try:
                with runner.open(platform, blob) as session:
                    results = _run_all(session, commands, words, timeout, progress, image.environment)
                return CheckReport(platform=platform.platform, how=runner.name, results=results)
            except RunnerFailed as failure:
                reason = str(failure)
        reasons.append(f"{runner.name}: {reason}")
    return CheckReport(platform=platform.platform, how="not-run", note="; ".join(reasons) or "no runner")


def _run_all(
    session: Session,
    commands: Sequence[str],
    words: Sequence[tuple[str, ...]],
    timeout: float,
    progress: Progress,
    environment: str,
) -> tuple[CheckResult, ...]:
    results: list[CheckResult] = []
    for command, argv in zip(commands, words, strict=True):
        progress.step(f"check {environment}: {command}")
        start = time.monotonic()
        outcome = session.run(argv, timeout=timeout)
        seconds = time.monotonic() - start
        output = outcome.output[-OUTPUT_BYTES:].decode("utf-8", "replace")
        result = CheckResult(command=command, exit_code=outcome.exit_code, output=output, seconds=seconds)
        results.append(result)
        if not result.ok:
            break
    return tuple(results)


def _split(command: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UserError(f"the check `{command}` cannot be split into words: {error}") from None
    if not words or any("\0" in word for word in words):
        raise UserError(f"the check `{command}` names no program")
    return words
