"""Opening a pull request through the forge's own command line, which knows the user's credentials; ours knows none."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SECONDS = 120.0


def open_pull_request(
    folder: Path, *, remote_url: str, branch: str, target: str | None, title: str, body: str
) -> str:
    """The address of the pull request; where none could be opened, what to do, in one sentence.

    Args:
        remote_url: decides between the forges where both command lines are installed.
        target: branch to merge into; None for the forge's default.
        body: Markdown that has been made harmless already.
    """
    tool = _tool(remote_url)
    if tool is None:
        return f"open it in the forge for the branch `{branch}`, or install `gh` or `glab`"
    with tempfile.TemporaryDirectory(prefix="envcat-forge-") as scratch:
        file = Path(scratch) / "body.md"
        file.write_text(body, encoding="utf-8")
        into = (f"--base={target}" if tool == "gh" else f"--target-branch={target}",) if target else ()
        if tool == "gh":
            command = [
                "gh",
                "pr",
                "create",
                f"--head={branch}",
                f"--title={title}",
                f"--body-file={file}",
                *into,
            ]
        else:  # glab reads no file; an argument of a list reaches it as it is
            text = [f"--title={title}", f"--description={body}", "--yes"]
            command = ["glab", "mr", "create", f"--source-branch={branch}", *text, *into]
        return _answer(command, folder, branch)


def _tool(remote_url: str) -> str | None:
    order = ("glab", "gh") if "gitlab" in remote_url else ("gh", "glab")
    return next((name for name in order if shutil.which(name)), None)


def _answer(command: Sequence[str], folder: Path, branch: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return f"`{command[0]}` did not answer: open it in the forge for the branch `{branch}`"
    links = [word for word in (done.stdout + " " + done.stderr).split() if word.startswith("https://")]
    if done.returncode == 0 or "already exists" in done.stderr:
        return links[-1] if links else f"`{command[0]}` says it is open"
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return f"`{command[0]}` refused ({reason}): open it in the forge for the branch `{branch}`"
