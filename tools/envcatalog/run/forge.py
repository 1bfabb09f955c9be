"""Opening a pull request through the forge's own command line, which knows the user's credentials; ours knows none."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from envcatalog.model.errors import Refusal

SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """What is to be opened.

    Attributes:
        target: branch to merge into; None for the forge's default.
        body: Markdown that has been made harmless already.
    """

    branch: str
    target: str | None
    title: str
    body: str


def open_pull_request(folder: Path, asked: PullRequest, *, remote_url: str, is_new: bool) -> str:
    """The address of the pull request; else, in one sentence, what to do, or that somebody closed it.

    Args:
        remote_url: decides between the forges where both command lines are installed.
        is_new: the branch names something new, so one that is open already gets this title and body; else it keeps
            what people wrote. One that proposed just this and was closed stays closed: somebody did not want it.

    Raises:
        Refusal: the forge's command line does not open it.
    """
    tool = _tool(remote_url)
    if tool is None:
        return f"open it in the forge for the branch `{asked.branch}`, or install `gh` or `glab`"
    closed = _closed(tool, folder, asked)
    if closed:
        return f"{closed} was closed, and there is nothing newer to propose"
    with tempfile.TemporaryDirectory(prefix="envcat-forge-") as scratch:
        file = Path(scratch) / "body.md"
        file.write_text(asked.body, encoding="utf-8")
        if tool == "gh":
            text = [f"--title={asked.title}", f"--body-file={file}"]
            into = [f"--base={asked.target}"] if asked.target else []
            create = ["gh", "pr", "create", f"--head={asked.branch}", *text, *into]
            edit = ["gh", "pr", "edit", *text, "--", asked.branch]
        else:  # glab reads no file; an argument of a list reaches it as it is
            text = [f"--title={asked.title}", f"--description={asked.body}", "--yes"]
            into = [f"--target-branch={asked.target}"] if asked.target else []
            create = ["glab", "mr", "create", f"--source-branch={asked.branch}", *text, *into]
            edit = ["glab", "mr", "update", *text, "--", asked.branch]
        done = _run(create, folder, asked.branch)
        if done.returncode == 0:
            return _link(done) or f"`{tool}` says it is open"
        if "already exists" not in done.stderr:
            raise _refused(tool, _reason(done), asked.branch)
        open_already = _link(done) or f"`{tool}` says it is open"
        if is_new:
            rewritten = _run(edit, folder, asked.branch)
            if rewritten.returncode != 0:
                return f"{open_already}, whose text `{tool}` did not rewrite ({_reason(rewritten)})"
        return open_already


def _tool(remote_url: str) -> str | None:
    order = ("glab", "gh") if "gitlab" in remote_url else ("gh", "glab")
    return next((name for name in order if shutil.which(name)), None)


def _closed(tool: str, folder: Path, asked: PullRequest) -> str:
    """The address of one with the same title and body that was closed, and not merged; empty for none."""
    if tool == "gh":
        command = [
            "gh",
            "pr",
            "list",
            f"--head={asked.branch}",
            "--state=closed",
            "--json=url,state,title,body",
        ]
    else:
        command = ["glab", "mr", "list", f"--source-branch={asked.branch}", "--closed", "--output=json"]
    done = _run(command, folder, asked.branch)
    with suppress(ValueError, TypeError, AttributeError):
        for item in json.loads(done.stdout):
            body = item.get("body") or item.get("description") or ""
            is_same = (item.get("title"), body.split()) == (asked.title, asked.body.split())
            if is_same and str(item.get("state")).lower() == "closed":
                return str(item.get("url") or item.get("web_url"))
    return ""


def _run(command: Sequence[str], folder: Path, branch: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _refused(command[0], "no answer", branch) from error


def _link(done: subprocess.CompletedProcess[str]) -> str:
    links = [word for word in (done.stdout + " " + done.stderr).split() if word.startswith("https://")]
    return links[-1] if links else ""


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def _refused(tool: str, reason: str, branch: str) -> Refusal:
    return Refusal(
        f"`{tool}` did not open the pull request ({reason})",
        f"open it in the forge for the branch `{branch}`",
    )
