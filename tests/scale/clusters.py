"""Dask clusters of real processes on loopback, and what Git and the registry say afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from support.catalogs import Workplace, definition, git
from support.servers import stop


@dataclass(frozen=True)
class Cluster:
    """A scheduler, and workers of one thread each with an empty cache of their own."""

    address: str
    workers: tuple[subprocess.Popen[bytes], ...]

    @property
    def executor(self) -> str:
        """What `--executor` says."""
        return f"dask://{self.address}"


@contextlib.contextmanager
def running_cluster(folder: Path, count: int = 2) -> Iterator[Cluster]:
    """No nannies: a worker that is killed stays away."""
    folder.mkdir()
    quiet = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error", "PYTHONWARNINGS": "ignore"}
    with contextlib.ExitStack() as stack:

        def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
            environ = {**os.environ, **quiet, "ENVCATALOG_CACHE": str(folder / name / "cache")}
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{arguments[0]}", *arguments[1:]],
                cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
            stack.callback(stop, process)
            return process

        file = folder / "scheduler.json"
        start(
            "scheduler", "dask_scheduler", "--host=127.0.0.1", "--port=0", "--no-dashboard",
            "--dashboard-address=127.0.0.1:0", f"--scheduler-file={file}",
        )  # fmt: skip
        until(lambda: file.is_file() and file.read_text().endswith("}"))
        address = json.loads(file.read_text())["address"].removeprefix("tcp://")
        workers = []
        for number in range(count):
            name = f"worker{number}"
            (folder / name).mkdir()
            workers.append(
                start(
                    name,
                    "dask_worker",
                    f"tcp://{address}",
                    "--nthreads=1",
                    "--no-nanny",
                    "--no-dashboard",
                    "--host=127.0.0.1",
                    "--memory-limit=0",
                    f"--local-directory={folder / name}",
                    f"--name={name}",
                )
            )
        yield Cluster(address=address, workers=tuple(workers))


def until(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll; AssertionError after the time."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextlib.contextmanager
def started(place: Workplace, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, which does not outlive the test."""
    process = place.start(*arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def tags_reach(process: subprocess.Popen[str], origin: Path, count: int) -> None:
    """Wait until the origin has so many version tags."""

    def reached() -> bool:
        assert process.poll() is None or len(tagged(origin)) >= count, "it ended before"
        return len(tagged(origin)) >= count

    until(reached)


def family(place: Workplace, children: int) -> list[str]:
    """A base, `children` that inherit from it, and one that does not; locked, committed and pushed."""
    place.write("ground", definition("ground", "gamma"))
    names = [f"child-{number:03}" for number in range(children)]
    for number, name in enumerate(names):
        place.write(
            name, definition(name, base="{environment: ground}", more=f"variables: {{NUMBER: '{number}'}}\n")
        )
    place.write("alone", definition("alone", "alpha"))
    place.lock()
    place.commit("Add a family")
    git(place.root, "push", "-q", "origin", "main")
    return sorted([*names, "ground", "alone"])


def tagged(origin: Path) -> dict[str, int]:
    """Version tags of the origin: how many each environment has."""
    return dict(Counter(tag.partition("@")[0] for tag in git(origin, "tag").splitlines()))


def registry_digest(address: str, repository: str, tag: str) -> str:
    """What a registry's tag names."""
    request = urllib.request.Request(
        f"http://{address}/v2/{repository}/manifests/{tag}",
        method="HEAD",
        headers={"Accept": "application/vnd.oci.image.index.v1+json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return str(answer.headers["Docker-Content-Digest"])
