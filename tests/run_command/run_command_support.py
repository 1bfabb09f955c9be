"""Environments on the image with a shell, and processes that are waited for by what they say."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable

from support.catalogs import Workplace

LOCAL = ("--on", "local")
SECONDS = 60.0


def shell_tag(place: Workplace) -> str:
    """The tag of the image with the shell."""
    index = json.loads((place.root / "bases/index.json").read_text())
    names = [item["annotations"]["org.opencontainers.image.ref.name"] for item in index["manifests"]]
    return next(name for name in names if name.startswith("shell-"))


def add(place: Workplace, name: str, more: str = "") -> None:
    """Write, lock and commit an environment on the shell's image."""
    place.write(
        name,
        f"name: {name}\ndescription: For a test\nbase: {{image: 'oci:bases:{shell_tag(place)}'}}\n{more}",
    )
    place.lock(name)
    place.commit(f"Add {name}")


def data_lines(text: str) -> list[str]:
    """What is said on stderr, without the lines about work that depends on what the machine has already."""
    return [
        line for line in text.splitlines() if not line.startswith(("building ", "loading ", "layer ", "push"))
    ]


def started(
    place: Workplace, *arguments: str, says: str = "ready", **options: object
) -> subprocess.Popen[str]:
    """A run whose command has said that it is there."""
    process = place.start("run", *arguments, **options)
    assert process.stdout is not None
    assert process.stdout.readline() == f"{says}\n"
    return process


def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
