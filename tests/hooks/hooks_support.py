"""Pushing to an origin with hooks, and what came back."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def push(folder: Path, *refs: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`git push` to origin, whatever comes of it."""
    return subprocess.run(
        ["git", "-C", str(folder), "push", "origin", *refs],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
        timeout=120,
    )


def remote_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the hooks said, without Git's own lines."""
    lines = (line for line in done.stderr.splitlines() if line.startswith("remote: "))
    return [line.removeprefix("remote: ").rstrip() for line in lines]
