"""Starts the real servers that tests talk to, waits until they answer, and ends them by their process id."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

READY_SECONDS = 30.0
STOP_SECONDS = 15.0

# What the engine is started with, in order of preference. No bridge and no packet filter: containers in tests
# use the host's network or none, and neither needs more than root in a plain container.
ENGINE_STORAGE = ("overlay2", "vfs")
ENGINE_FLAGS = ("--iptables=false", "--ip6tables=false", "--bridge=none")


def missing(what: str) -> NoReturn:
    """Leave the test out with a reason that reads after ``needs``, or fail where nothing may be left out."""
    if os.environ.get("ENVCATALOG_REQUIRE") == "1":
        pytest.fail(f"needs {what}", pytrace=False)
    pytest.skip(f"needs {what}")


def program(name: str) -> str:
    """The program's path, also from the administrators' folders; leaves the test out when not installed."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
    found = shutil.which(name, path=path)
    if found is None:
        missing(f"{name}, which is not installed")
    return found


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = READY_SECONDS
) -> bool:
    """Poll until ready; False when the process ends first or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
            return False
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End one process politely, then firmly."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running_registry(folder: Path) -> Iterator[str]:
    """A real ``docker-registry`` on loopback with its storage in `folder`; yields ``127.0.0.1:PORT``."""
    binary = program("docker-registry")
    last = ""
    for _ in range(3):  # another process may take the port between the probe and the start
        port = free_port()
        config = folder / "registry.yml"
        config.write_text(
            "version: 0.1\nlog: {level: warn}\n"
            f"storage:\n  filesystem: {{rootdirectory: {folder / 'storage'}}}\n  delete: {{enabled: true}}\n"
            f"http: {{addr: '127.0.0.1:{port}'}}\n"
        )
        log = folder / "registry.log"
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("REGISTRY_", "OTEL_"))}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [binary, "serve", str(config)],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=environ,
            )
        try:
            if wait_until(lambda port=port: _answers(f"http://127.0.0.1:{port}/v2/"), process):  # type: ignore[misc]
                yield f"127.0.0.1:{port}"
                return
        finally:
            stop(process)
        last = log.read_text(errors="replace")[-2000:]
    pytest.fail(f"docker-registry did not start:\n{last}", pytrace=False)


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def engine_answers(host: str | None = None) -> bool:
    """Whether an engine answers, at `host` or where the environment says."""
    import docker
    from docker.errors import DockerException

    host = host or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if host.startswith("unix://") and not _listens(host.removeprefix("unix://")):
        return False
    try:
        client = docker.from_env(environment={**os.environ, "DOCKER_HOST": host}, timeout=5)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()


def _listens(path: str) -> bool:
    # Asked before the SDK is, since that leaks a socket for every refused connection.
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


@contextlib.contextmanager
def running_engine(folder: Path) -> Iterator[str]:
    """A Docker Engine: the one that answers already, or our own in `folder`; yields its ``DOCKER_HOST``."""
    if engine_answers():
        yield os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        return
    binary = program("dockerd")
    if os.geteuid() != 0:
        missing("a running Docker Engine, or root to start one")
    # A short path: a unix socket's name has at most 107 bytes.
    short = Path(tempfile.mkdtemp(prefix="engine-"))
    last = ""
    try:
        for storage in ENGINE_STORAGE:
            data, log = folder / f"data-{storage}", folder / f"engine-{storage}.log"
            host = f"unix://{short / 'engine.sock'}"
            places = ["--data-root", str(data), "--exec-root", str(short / "exec")]
            places += ["-H", host, "--pidfile", str(short / "engine.pid")]
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [binary, *places, "--storage-driver", storage, *ENGINE_FLAGS],
                    stdout=output,
                    stderr=output,
                    stdin=subprocess.DEVNULL,
                )
            try:
                if wait_until(lambda host=host: engine_answers(host), process):  # type: ignore[misc]
                    yield host
                    return
            finally:
                stop(process)
                shutil.rmtree(data, ignore_errors=True)
            last = log.read_text(errors="replace")[-2000:]
        missing(f"a Docker Engine, which does not start here: {last.strip().splitlines()[-1:]}")
    finally:
        shutil.rmtree(short, ignore_errors=True)
