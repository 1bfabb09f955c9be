"""Help for every command, and a README that names them all."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from envcatalog import __version__
from envcatalog.cli.main import COMMANDS, cli
from support.catalogs import run_here

HEAVY = (
    "git",
    "docker",
    "yaml",
    "jsonschema",
    "urllib3",
    "requests",
    "uv",
    "pysequoia",
    "debian",
    "packaging",
)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda *arguments: run_here(monkeypatch, capsys, tmp_path, tmp_path / "cache", arguments)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself(run, command: str, option: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run(command, option)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: envcat {command} ")
    loaded = cli.get_command(None, command)  # type: ignore[arg-type]
    assert loaded is not None and loaded.help
    for parameter in loaded.params:
        if parameter.param_type_name == "option":
            assert getattr(parameter, "help", None), f"{command} {parameter.opts} has no help"


def test_the_whole_help(run) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    listed = re.findall(r"^  ([a-z]+)  ", out, re.M)
    assert listed == list(COMMANDS)
    assert run("--version").out == f"envcat, version {__version__}\n"


def test_without_a_command_it_is_the_help(run) -> None:  # type: ignore[no-untyped-def]
    done = run()
    assert done.code in (0, 2)
    assert "Usage: envcat" in done.out + done.err


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    table = [line for line in readme.splitlines() if line.startswith("| `envcat ")]
    named = {
        name for line in table for name in re.findall(r"`(?:envcat )?([a-z]+)[^`]*`", line.split("|")[1])
    }
    missing = set(COMMANDS) - named - ({"demo"} if "envcat demo" in readme else set())
    assert missing == set()
    assert named <= set(COMMANDS)


def test_help_imports_little() -> None:
    script = (
        "import sys\nfrom envcatalog.cli.main import cli\nfrom envcatalog.cli.errors import guarded\n"
        "sys.argv = ['envcat', '--help']\nguarded(cli)\n"
        f"heavy = {set(HEAVY)!r}\n"
        "print('LOADED', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"
