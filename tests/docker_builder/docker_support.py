"""What the tests of docker builds share: a base of the machine's own programs, and what a build may leave behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from envcatalog.model.docker import KEY_BUILD
from support.catalogs import Workplace

PROGRAMS = ("cat", "cp", "date", "id", "ln", "ls", "mkdir", "rm", "sleep", "touch")


def programs() -> dict[str, bytes]:
    """A shell and some programs of this machine with the libraries they need, by their path in the image."""
    found: dict[str, bytes] = {"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n"}
    for name in ("sh", *PROGRAMS):
        path = shutil.which(name)
        assert path, f"needs `{name}`"
        found[f"bin/{name}"] = Path(path).resolve().read_bytes()
        listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            found[library.lstrip("/")] = Path(library).resolve().read_bytes()
    return found


def user_managed(name: str, more: str = "", *, base: str = "", dockerfile: str = "{}") -> str:
    """The text of a user-managed environment with a Dockerfile; `base` as YAML."""
    lines = [f"name: {name}", "managed: user"]
    if base:
        lines.append(f"base: {base}")
    lines.append(f"dockerfile: {dockerfile}")
    return "\n".join(lines) + "\n" + more


def add(
    place: Workplace, name: str, dockerfile: str, more: str = "", *, base: str = "", **files: str
) -> None:
    """Write, lock and commit an environment; files beside its Dockerfile, ``__`` for ``/``."""
    place.write(name, user_managed(name, more, base=base))
    folder = place.root / "catalog" / name
    (folder / "Dockerfile").write_text(dockerfile)
    for path, content in files.items():
        target = folder / path.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    place.commit(f"Write {name}")
    place.lock(name)
    place.commit(f"Lock {name}")


def edit_file(place: Workplace, name: str, path: str, content: str) -> None:
    """Write a file beside an environment's definition, lock and commit."""
    (place.root / "catalog" / name / path).write_text(content)
    place.lock(name)
    place.commit(f"Edit {path}")


class Engine:
    """The engine as a test looks at it: what was there before the test is none of its business."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._before: set[str] = set()
        self._before = {*self.containers(), *self.dangling(), *self.tags()}

    def containers(self) -> list[str]:
        """Of our builds, running or not."""
        label = {"label": KEY_BUILD}
        return self._new(item["Id"] for item in self.client.containers(all=True, filters=label))

    def dangling(self) -> list[str]:
        """Images of our builds that nothing names."""
        filters = {"label": KEY_BUILD, "dangling": True}
        return self._new(item["Id"] for item in self.client.images(filters=filters))

    def tags(self, prefix: str = "envcatalog-") -> list[str]:
        """Names of ours."""
        names = (tag for image in self.client.images() for tag in image.get("RepoTags") or ())
        return self._new(tag for tag in names if tag.startswith(prefix))

    def forget(self) -> None:
        """Remove the caches of our builds."""
        for tag in self.tags("envcatalog-build/"):
            with contextlib.suppress(Exception):
                self.client.remove_image(tag)

    def _new(self, found: Iterable[str]) -> list[str]:
        return sorted(set(found) - self._before)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Until it holds; a minute is for ever."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def lines_until(process: subprocess.Popen[str], marker: str) -> Iterator[str]:
    """Lines of a process's stderr up to the one with the marker."""
    assert process.stderr is not None
    for line in process.stderr:
        yield line
        if marker in line:
            return
    raise AssertionError(f"the process ended without `{marker}`")


def end_containers(folder: Path) -> None:
    """End what an engine in this folder was running when it was killed: its containers go on without it."""
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(process.name)
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"containerd-shim" not in words[0] or not any(
                word.startswith(bytes(folder)) for word in words[1:]
            ):
                continue
            for child in (process / "task" / process.name / "children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split()[1]
        if place.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", place], check=False, capture_output=True)
