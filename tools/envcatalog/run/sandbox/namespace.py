"""Checks in an unprivileged user namespace: Linux, no engine, no root, nothing but the kernel is needed.

The unpacked layers are composed by overlayfs where the kernel allows it, otherwise merged by hard links and
mounted read-only. What happens inside the namespaces is in `inside.py`, started as a program of its own.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from envcatalog.model.host import host_platform
from envcatalog.model.image import BuiltPlatform
from envcatalog.model.result import CheckHow
from envcatalog.run.checks import Blob, Outcome, RunnerFailed, Tail
from envcatalog.run.sandbox.merge import merged, whiteouts_of
from envcatalog.run.sandbox.rootfs import prune, unpack_layer

PROBE_SECONDS = 10
ENDING_SECONDS = 10
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The folder above the package goes last: nothing beside the package can stand in for a standard module.
START = "import sys; sys.path.append(sys.argv[1]); from envcatalog.run.sandbox.inside import main; main()"
PACKAGES = str(Path(__file__).parents[3])


class NamespaceRunner:
    """Runs the host's own platform. `cache` keeps the unpacked layers in its folder ``rootfs``."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "rootfs"
        self._overlay: bool | None = None

    @property
    def name(self) -> CheckHow:
        """``namespace``."""
        return "namespace"

    def unavailable(self, platform: str) -> str | None:
        """Makes the namespaces and mounts for nothing: sysctls and security modules each have a say."""
        host = host_platform()
        if platform != host:
            return f"this machine runs `{host}`, not `{platform}`"
        if not sys.platform.startswith("linux"):
            return "user namespaces exist on Linux only"
        try:
            self._probe()
        except RunnerFailed as failure:
            return str(failure)
        return None

    @contextmanager
    def open(self, platform: BuiltPlatform, blob: Blob) -> Iterator[_NamespaceSession]:
        """Unpack what is not unpacked yet; the composed tree vanishes with each command's namespace."""
        if self._overlay is None:
            self._probe()
        try:
            prune(self._folder)
            lowers = self._lowers([unpack_layer(layer, self._folder, blob) for layer in platform.layers])
        except OSError as error:
            raise RunnerFailed(f"the layers could not be unpacked: {error}") from None
        with tempfile.TemporaryDirectory(prefix=".mount-", dir=self._folder) as mount:
            yield _NamespaceSession(self._specification(platform, lowers, mount))

    def _probe(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mount-", dir=self._folder) as mount:
            answer = _probe({"probe": True, "mount": mount})
        self._overlay = answer == "overlay"

    def _lowers(self, layers: list[Path]) -> list[str]:
        """The trees to stack, lowest first. What a whiteout hides is gone once its layers are merged."""
        hiding = [number for number, layer in enumerate(layers) if whiteouts_of(layer)]
        merge = len(layers) if not self._overlay else (hiding[-1] + 1 if hiding else 0)
        below = [str(merged(layers[:merge], self._folder))] if merge else []
        return below + [str(layer / "tree") for layer in layers[merge:]]

    def _specification(self, platform: BuiltPlatform, lowers: list[str], mount: str) -> dict[str, Any]:
        config = json.loads(platform.config).get("config") or {}
        pairs = [pair.partition("=") for pair in config.get("Env") or ()]
        return {
            "lowers": lowers,
            "overlay": self._overlay,
            "mount": mount,
            "user": config.get("User") or "",
            "workdir": config.get("WorkingDir") or "/",
            "env": {"PATH": DEFAULT_PATH, **{name: value for name, _, value in pairs}},
        }


class _NamespaceSession:
    def __init__(self, specification: Mapping[str, Any]) -> None:
        self._specification = specification

    def run(self, command: tuple[str, ...], *, timeout: float) -> Outcome:
        """New namespaces for each command; killing the first process in them kills all."""
        tail = Tail()
        with _inside({**self._specification, "command": command}) as (process, ready):
            in_time = _read_output(process, tail, time.monotonic() + timeout)
            code = process.wait()
            said = os.read(ready, 4096).decode("utf-8", "replace")
        if said.startswith("error ") or (in_time and not said):
            reason = said.removeprefix("error ") or "the namespace ended"
            raise RunnerFailed(f"the namespace was not made: {reason}")
        return Outcome(exit_code=code if in_time else None, output=tail.data)


def _probe(specification: Mapping[str, Any]) -> str:
    with _inside(specification) as (process, ready):
        output = Tail()
        in_time = _read_output(process, output, time.monotonic() + PROBE_SECONDS)
        process.wait()
        said = os.read(ready, 4096).decode("utf-8", "replace")
    if not in_time or not said.startswith("ready "):
        raise RunnerFailed(f"user namespaces are refused: {said.removeprefix('error ') or 'no answer'}")
    return said.removeprefix("ready ")


@contextmanager
def _inside(specification: Mapping[str, Any]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start `inside.py`; whatever happens, it and all below it are dead at the end."""
    ready, tell = os.pipe()
    data = json.dumps({**specification, "tell": tell}).encode()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", START, PACKAGES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[tell],
            start_new_session=True,
            env={},
        )
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(tell)
    try:
        with process:
            try:
                assert process.stdin is not None
                with suppress(BrokenPipeError):
                    process.stdin.write(data)
                    process.stdin.close()
                yield process, ready
            finally:
                _kill(process)
    finally:
        os.close(ready)


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Not reaped yet, or already reaped by wait(): only then could its number belong to someone else.
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDING_SECONDS)
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read_output(process: subprocess.Popen[bytes], tail: Tail, deadline: float) -> bool:
    """Read until the end of the output; False, with everything killed, when the deadline comes first."""
    assert process.stdout is not None
    number = process.stdout.fileno()
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([number], [], [], left)[0]:
            break
        data = os.read(number, 1 << 16)
        if not data:
            return _wait(process, deadline)
        tail.add(data)
    _kill(process)
    return False


def _wait(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _kill(process)
        return False
    return True
