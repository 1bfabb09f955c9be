"""Lint, format, types, import contracts and the rules of the house, as CI runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES = 300
# Folders that many machines share; a path below them says nothing about this one.
COMMON = {
    Path(name)
    for name in ("/", "/builds", "/home", "/mnt", "/opt", "/srv", "/tmp", "/usr", "/var", "/workspace")
}


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert found, f"`{name}` is not installed; run pip install -e '.[dev]'"
    return found


@cache
def tracked() -> tuple[Path, ...]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())


@cache
def text_files() -> dict[str, str]:
    files = {}
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8192]:
            files[str(path.relative_to(ROOT))] = data.decode("utf-8", "replace")
    return files


@pytest.mark.parametrize(
    "command",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy", "--strict"), ("lint-imports",)],
    ids=" ".join,
)
def test_tool_finds_nothing(command: tuple[str, ...]) -> None:
    result = subprocess.run(
        [tool(command[0]), *command[1:]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "110"},
    )
    assert result.returncode == 0, result.stdout


def test_type_checkers_of_users_see_our_types() -> None:
    """Without this file (PEP 561) an installed package counts as untyped."""
    assert "tools/envcatalog/py.typed" in text_files()


def test_no_module_is_long() -> None:
    lines = {
        name: text.count("\n")
        for name, text in text_files().items()
        if name.startswith("tools/") and name.endswith(".py")
    }
    assert len(lines) > 50
    assert {name: count for name, count in lines.items() if count > MODULE_LINES} == {}


def machine_hosts() -> set[str]:
    """The hosts that this machine's pip, uv and apt are set up with, and pip's built-in ones."""
    texts = [value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))]
    for name in ("PIP_CONFIG_FILE", "UV_CONFIG_FILE"):
        texts += _read(Path(os.environ.get(name, "")))
    for folder in ("/etc/apt/apt.conf.d", "/etc/uv"):
        texts += [text for path in Path(folder).glob("*") for text in _read(path)]
    texts += _read(Path("/etc/pip.conf"))
    # Most comments in these files point at documentation; those in lists of sources, at further archives.
    texts = [re.sub(r"(?m)^\s*(#|//|;).*$", "", text) for text in texts]
    for pattern in ("sources.list", "sources.list.d/*"):
        texts += [text for path in Path("/etc/apt").glob(pattern) for text in _read(path)]
    hosts = {host for text in texts for host in re.findall(r"https?://(?:[^/@\s]*@)?([A-Za-z0-9.-]+)", text)}
    try:
        from pip._internal.models.index import PyPI
    except ImportError:
        pass
    else:
        hosts |= {PyPI.netloc, PyPI.file_storage_domain}
    return {host for host in hosts if "." in host and not host.startswith("127.") and "example" not in host}


def _read(path: Path) -> list[str]:
    try:
        return [path.read_text("utf-8", "replace")] if path.is_file() else []
    except OSError:
        return []


def found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in text_files().items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry() -> None:
    hosts = machine_hosts()
    if not hosts:
        pytest.skip("this machine's pip and apt name no host")
    assert (
        found(re.compile(r"(?<![\w.-])(?:" + "|".join(map(re.escape, sorted(hosts))) + r")(?![\w-])")) == []
    )


def test_no_file_names_a_path_of_this_machine() -> None:
    pwd = pytest.importorskip("pwd")
    places = {ROOT, ROOT.parent, Path(pwd.getpwuid(os.getuid()).pw_dir)} - COMMON
    starts = "|".join(re.escape(f"{place}/") for place in sorted(places))
    assert found(re.compile(rf"(?<![\w.\-}}\])])(?:{starts})")) == []


def test_the_search_would_find_something() -> None:
    assert any(
        line.startswith("tests/quality/test_quality.py:") for line in found(re.compile("def test_the_search"))
    )


def test_the_licence_is_the_whole_text() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def project() -> dict[str, object]:
    value = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert isinstance(value, dict)
    return value


def test_the_changelog_knows_this_version() -> None:
    heads = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] == "Unreleased"
    assert project()["version"] in heads


def test_every_dependency_has_a_floor_and_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text[text.index("\ndependencies = [\n") :].split("\n]\n", 1)[0].splitlines()[2:]
    assert len(block) == len(project()["dependencies"])  # type: ignore[arg-type]
    lacking = [
        line for line in block if not re.fullmatch(r'    "[\w.\[\]-]+(>=|==)[^"]+",\s+# \S.{10,}', line)
    ]
    assert lacking == []


@pytest.mark.parametrize("marker", ["test-command", "main-command"])
def test_the_readme_holds_the_commands_that_ci_runs(marker: str) -> None:
    block = re.search(
        rf"^<!-- {marker} -->\n+```\w*\n(.+?)\n```$", (ROOT / "README.md").read_text(), re.M | re.S
    )
    assert block, f"README.md has no code block after `<!-- {marker} -->`"
    assert block[1].strip()


def test_what_ci_runs_is_a_program() -> None:
    path = ROOT / ".ci/run"
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in path.read_text()
    result = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_top_level_holds_what_is_agreed_and_what_tools_look_for_there() -> None:
    agreed = {"pyproject.toml", "catalog", "schemas", "tools", ".github", "tests", "README.md"}
    demanded = {".ci", ".gitignore", ".pre-commit-hooks.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"}
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} == agreed | demanded
