"""Every Git process starts here, through GitPython's `Git.execute`; nothing else in the project starts Git.

Two ways that must never be mixed up:

- `read`: for a repository that somebody else made. No setting in it may start a program (fsmonitor, pager,
  external diff, text conversion, hooks, signature checks) or reach a network: a missing object of a partial
  clone is an error.
- `write`: our own `tag`, `commit`, `fetch` and `push`, for which the user's hooks, signing program, SSH
  command and credential helpers are wanted.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envcatalog.model.errors import UserError

OLDEST_GIT = (2, 30)
READ_SECONDS = 60.0
WRITE_SECONDS = 300.0

# Variables that point Git at another repository or change what a path means; a hook that runs us sets some.
# From `git rev-parse --local-env-vars`, without those that carry configuration, plus the pathspec switches.
_REPOSITORY_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)

_COMMON_ENVIRONMENT = {
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_GRAFT_FILE": os.devnull,
}
_COMMON_SETTINGS = (
    "protocol.ext.allow=never",
    "core.quotePath=false",
    # Git would say with every command that the graft file, which we point at nothing, is out of date.
    "advice.graftFileDeprecated=false",
    "color.ui=false",
    "i18n.logOutputEncoding=UTF-8",
    # Ten or more publishers may meet at one reference; Git's own 100 ms are too short for them.
    "core.filesRefLockTimeout=10000",
    "core.packedRefsTimeout=10000",
)

_READ_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    # A read never fetches: no transport is allowed, not even for the missing objects of a partial clone.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
}
_READ_SETTINGS = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.pager=cat",
    "core.askPass=",
    "core.alternateRefsCommand=",
    "diff.external=",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
    # Larger objects are streamed, so that a hostile one costs no memory.
    "core.bigFileThreshold=1m",
)

# What Git says of an object that it cannot read; a partial clone's is another case.
_DAMAGED = ("inflate: ", "object file", "corrupt", "unable to read", "bad object", "not a tree object")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a Git process ended; `err` is for people."""

    code: int
    out: bytes
    err: str


class GitProcesses:
    """Starts Git in one folder. Holds no process itself.

    Args:
        keep: variables that Git set for us, its hook, and that must reach the Git we start.
    """

    def __init__(self, folder: Path, *, keep: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._keep = dict(keep or {})
        self._git = _load_gitpython()(str(folder))

    def read(self, *arguments: str, stdin: bytes = b"", seconds: float = READ_SECONDS) -> Result:
        """Run a command that reads; whatever its exit code.

        Raises:
            UserError: Git cannot be started, is too old, or did not end in time.
        """
        return self._finish(self.start(*arguments), arguments, stdin, seconds)

    def output(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Standard output of a command that reads and must succeed.

        Raises:
            UserError: it failed; the message is Git's own.
        """
        return checked(self.read(*arguments, stdin=stdin), arguments)

    def write(
        self,
        *arguments: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        seconds: float = WRITE_SECONDS,
    ) -> Result:
        """Run a command of our own with the user's hooks and settings; whatever its exit code.

        Raises:
            UserError: Git cannot be started, is too old, or did not end in time.
        """
        variables = {**_COMMON_ENVIRONMENT, **self._keep, **(environment or {})}
        process = self._start(_COMMON_SETTINGS, arguments, variables)
        return self._finish(process, arguments, stdin, seconds)

    def start(self, *arguments: str) -> Any:
        """A running command that reads, with pipes on all three streams; the caller ends it with `end`."""
        variables = {**_COMMON_ENVIRONMENT, **_READ_ENVIRONMENT, **self._keep}
        return self._start((*_COMMON_SETTINGS, *_READ_SETTINGS), arguments, variables)

    def check_ended(self, process: subprocess.Popen[bytes], arguments: Sequence[str]) -> None:
        """Wait for a process whose output has been read; UserError when it failed."""
        _, err = process.communicate(timeout=READ_SECONDS)
        checked(Result(code=process.returncode, out=b"", err=err.decode(errors="replace").strip()), arguments)

    def _start(self, settings: Sequence[str], arguments: Sequence[str], variables: Mapping[str, str]) -> Any:
        options = [part for setting in settings for part in ("-c", setting)]
        command = [
            *_executable(self._git.GIT_PYTHON_GIT_EXECUTABLE, variables),
            # GitPython falls back to the current folder when its own is gone: maybe another repository.
            *("-C", str(self.folder), "--no-pager", "--no-replace-objects", "--literal-pathspecs"),
            *options,
            *arguments,
        ]
        from git.exc import GitCommandNotFound

        try:
            return self._git.execute(command, as_process=True, istream=subprocess.PIPE, env=dict(variables))
        except (GitCommandNotFound, PermissionError) as error:
            raise _missing() from error

    def _finish(self, process: Any, arguments: Sequence[str], stdin: bytes, seconds: float) -> Result:
        running: subprocess.Popen[bytes] = process.proc
        try:
            out, err = running.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise UserError(f"`git {arguments[0]}` did not end within {seconds:.0f} seconds") from error
        finally:
            end(running)
        result = Result(code=running.returncode, out=out, err=err.decode(errors="replace").strip())
        if result.code == 129:  # usage: an option that this Git does not know
            self._require_recent()
        return result

    def _require_recent(self) -> None:
        found = git_version()
        if found < OLDEST_GIT:
            raise UserError(
                f"Git {'.'.join(map(str, found))} is too old",
                f"install Git {'.'.join(map(str, OLDEST_GIT))} or later",
            )


def git_version() -> tuple[int, ...]:
    """The version of the Git on this machine, for example ``(2, 39, 5)``; UserError when there is none."""
    version: tuple[int, ...] = _load_gitpython()().version_info
    return version


def checked(result: Result, arguments: Sequence[str]) -> bytes:
    """The output of a command that must have succeeded; UserError with Git's own message otherwise."""
    if result.code == 0:
        return result.out
    raise failure(result, arguments)


def failure(result: Result, arguments: Sequence[str]) -> UserError:
    """The error for a failed command, with a hint where the cause is known."""
    if "promisor" in result.err or "lazy fetching disabled" in result.err:
        return UserError(
            "an object is missing from this partial clone, and reading never fetches",
            "run `git fetch --refetch --no-filter`",
        )
    if ".lock': File exists" in result.err:
        return UserError(
            f"the repository is locked: {last_line(result.err)}",
            "end the other Git process, or remove the lock file if none is running",
        )
    if any(text in result.err for text in _DAMAGED):
        return UserError(
            f"an object of the repository is damaged or missing: {last_line(result.err)}", "run `git fsck`"
        )
    return UserError(f"`git {arguments[0]}` failed: {last_line(result.err) or f'exit code {result.code}'}")


def last_line(text: str) -> str:
    """The line of Git's message that says what is wrong, without its prefix."""
    said = [line for line in text.splitlines() if line.strip() and not line.startswith("hint: ")]
    lines = [line for line in said if line.startswith(("fatal: ", "error: "))] or said
    return lines[0].removeprefix("fatal: ").removeprefix("error: ") if lines else ""


def end(process: subprocess.Popen[bytes]) -> None:
    """Give back a process and its pipes; ask it to stop first, so that it removes its lock files."""
    if process.poll() is None:
        process.terminate()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is None:
            continue
        with contextlib.suppress(BrokenPipeError):
            stream.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _executable(git: str, ours: Mapping[str, str]) -> list[str]:
    unwanted = [name for name in _REPOSITORY_VARIABLES if name in os.environ and name not in ours]
    if not unwanted:
        return [git]
    if os.name != "posix":
        raise UserError(
            f"`{unwanted[0]}` is set in the environment", "unset it, and use `-C` to choose a catalog"
        )
    # GitPython can add variables for a process but not take any away.
    return ["env", *(part for name in unwanted for part in ("-u", name)), git]


def _load_gitpython() -> Any:
    """GitPython's `Git`. Its import costs about 70 ms and runs `git version`: it waits for the first use."""
    try:
        from git import Git
    except ImportError as error:
        raise _missing() from error
    return Git


def _missing() -> UserError:
    return UserError("Git is not installed or not on `PATH`", "install Git 2.30 or later")
