"""The reference of all commands is what the commands say of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from envcatalog.cli.main import COMMANDS
from envcatalog.cli.reference import reference

FILE = Path(__file__).parents[2] / "tools/commands.md"


def test_the_reference_is_up_to_date() -> None:
    assert FILE.read_text() == reference(), "run python -m envcatalog.cli.reference > tools/commands.md"


def test_it_is_what_the_module_writes() -> None:
    command = [sys.executable, "-m", "envcatalog.cli.reference"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"COLUMNS": "20"})
    assert done.stdout == reference()


def test_it_has_every_command_and_its_options() -> None:
    text = reference()
    titles = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert [title.split()[1] for title in titles if title.count(" ") == 1] == list(COMMANDS)
    assert {"envcat hooks install", "envcat hooks uninstall", "envcat hooks run"} <= set(titles)
    plan = text.split("\n## envcat plan\n")[1].split("\n## ")[0]
    assert "| `--shard I/N` | Only part I of N: disjoint parts that are everything together. |\n" in plan
    assert "text\\|json\\|github\\|sarif\\|github-matrix\\|gitlab-pipeline\\|markdown" in plan
    export = text.split("\n## envcat export\n")[1].split("\n## ")[0]
    assert "\nrequirements    every wheel with its hash, for pip and uv\n" in export
