"""Run uv. The only place in this room that starts a process."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from envcatalog.lock.stopping import ended_by
from envcatalog.lock.urls import redacted
from envcatalog.model.errors import UserError

TIME_LIMIT = 600  # seconds
PROJECT = "envcatalog-lock"
# To uv a package is just "not found" when the index wants other credentials; only a hint tells the difference.
_REFUSED = re.compile(r"^hint: An index .*(?:could not be queried|returned a 4)", re.MULTILINE)
_NO_EXTRA = re.compile(r"package `([A-Za-z0-9._-]+)[^`]*` does not have an extra named")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_DECORATION = re.compile(r"^[\s×╰├─▶│]*(?:error: |cause: )?", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class UvResult:
    """What uv said; `explanation` is its standard error, cleaned for people.

    Attributes:
        without_extras: names of packages that were asked for with an extra that they do not have.
    """

    ok: bool
    output: str
    explanation: str
    without_extras: frozenset[str] = frozenset()

    @property
    def unsatisfiable(self) -> bool:
        """The solver's answer is no, as opposed to a failure on the way to an answer."""
        if self.ok or _REFUSED.search(self.explanation):
            return False
        return self.explanation.startswith("No solution found")


@contextmanager
def uv_folder(cache: Path) -> Iterator[Path]:
    """A new folder for one solve, in the cache since uv looks for settings in all folders above it."""
    parent = cache / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="uv-", dir=parent) as folder:
        yield Path(folder)


def run_uv(arguments: Sequence[str], folder: Path, *, time_limit: float = TIME_LIMIT) -> UvResult:
    """Run uv in `folder` with the user's own uv configuration and cache.

    Raises:
        UserError: uv is missing, or took longer than `time_limit` seconds.
        StoppedError: nobody waits for this thread's work any longer.
    """
    import subprocess

    command = [uv_binary(), *arguments, "--color=never", "--no-progress", "--no-python-downloads"]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=dict(os.environ, NO_COLOR="1"),
    ) as process:
        try:
            with ended_by(process.kill):
                output, told = process.communicate(timeout=time_limit)
        except subprocess.TimeoutExpired:
            process.kill()
            raise UserError(
                f"`uv` gave no answer within {time_limit:g} s", "is the package index reachable? try again"
            ) from None
        except BaseException:
            process.kill()
            raise
    return UvResult(
        ok=process.returncode == 0,
        output=output,
        explanation=clean(told, folder),
        without_extras=frozenset(_NO_EXTRA.findall(_ANSI.sub("", told))),
    )


def uv_binary() -> str:
    """The uv that is installed as our dependency, else the one on PATH."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        from shutil import which

        found = which("uv")
        if found is None:
            raise UserError("`uv` is not installed", "run `pip install uv`") from None
        return found


def compile_arguments() -> list[str]:
    """What every ``uv pip compile`` of ours shares: wheels only, nothing built, no interpreter fetched."""
    return ["pip", "compile", "--no-header", "--only-binary=:all:", f"--python={sys.executable}"]


def clean(text: str, folder: Path) -> str:
    """uv's words without colours, frames, credentials and our temporary paths."""
    text = redacted(_ANSI.sub("", text).replace(f"{folder}/", "").replace(str(folder), ""))
    lines = (
        _DECORATION.sub("", line).rstrip() for line in text.splitlines() if not line.startswith("warning:")
    )
    text = "\n".join(line for line in lines if line)
    # The pins of named indexes go in by way of a project, which the user knows nothing of.
    return text.replace(f"{PROJECT} depends on", "you require").replace(PROJECT, "the environment")
