"""What a forge does with a workflow, as far as the tests need it: its steps' scripts, and the commands in a log."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
# Commands that a runner knows (github.com/actions/runner, ActionCommandManager and its extensions).
KNOWN = frozenset(
    {"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice"}
    | {
        "internal-set-repo-path",
        "remove-matcher",
        "save-state",
        "set-env",
        "set-output",
        "stop-commands",
        "warning",
    }
)


@dataclass(frozen=True)
class Command:
    """A command that a runner would obey."""

    name: str
    properties: str
    data: str


def commands(log: str) -> list[Command]:
    """The commands of one step's log: ``::name ...::`` at the start of a line, ``##[name]`` anywhere in one.

    Written after ActionCommand.TryParseV2 and TryParse, which are tried in this order, and `stop-commands`.
    """
    found: list[Command] = []
    stopped: str | None = None
    for line in log.splitlines():
        command = _second(line, stopped) or _first(line, stopped)
        if command is None:
            continue
        if stopped is not None:
            stopped = None if command.name == stopped else stopped
        elif command.name == "stop-commands":
            stopped = command.data
        else:
            found.append(command)
    return found


def _second(line: str, token: str | None) -> Command | None:
    text = line.lstrip()
    if not text.startswith("::") or "::" not in text[2:]:
        return None
    head, data = text[2:].split("::", 1)
    name, _, properties = head.partition(" ")
    return Command(name, properties, data) if name in (*KNOWN, token) else None


def _first(line: str, token: str | None) -> Command | None:
    if "##[" not in line:
        return None
    rest = line.split("##[", 1)[1]
    if "]" not in rest:
        return None
    head, data = rest.split("]", 1)
    name, _, properties = head.partition(" ")
    return Command(name, properties, data) if name in (*KNOWN, token) else None


def load(text: str) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads the key ``on`` as true."""
    value: dict[Any, Any] = yaml.safe_load(text)
    return {"on" if key is True else key: item for key, item in value.items()}


def steps(workflow: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(job, step) of a workflow, or of a composite action."""
    jobs = workflow.get("jobs") or {"": workflow["runs"]}
    for name, job in jobs.items():
        for step in job["steps"]:
            yield name, step


def script(workflow: Mapping[str, Any], name: str) -> str:
    """What the step of this name runs."""
    [found] = [step for _, step in steps(workflow) if step.get("name") == name]
    return str(found["run"])


@dataclass(frozen=True)
class Done:
    """How a step ended."""

    code: int
    log: str
    summary: str
    output: str


def link_envcat(tools: Path) -> None:
    """A folder for PATH that holds `envcat`."""
    tools.mkdir(exist_ok=True)
    link = tools / "envcat"
    if not link.exists():
        link.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m envcatalog "$@"\n')
        link.chmod(0o755)


def run_step(text: str, folder: Path, tools: Path, **variables: str) -> Done:
    """Run a step's script as the forge does, with `envcat` on PATH."""
    link_envcat(tools)
    files = {name: tools / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_ENV")}
    for file in files.values():
        file.write_text("")
    done = subprocess.run(
        [shutil.which("bash") or "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # a runner reads both, and obeys both
        text=True,
        env={
            **os.environ,
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            **{name: str(path) for name, path in files.items()},
            **variables,
        },
        timeout=120,
        check=False,
    )
    texts = {name: path.read_text() for name, path in files.items()}
    return Done(done.returncode, done.stdout, texts["GITHUB_STEP_SUMMARY"], texts["GITHUB_OUTPUT"])
