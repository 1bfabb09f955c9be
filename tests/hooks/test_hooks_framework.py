"""`.pre-commit-hooks.yaml`, run by the pre-commit framework itself."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from envcatalog import __version__
from support.catalogs import Workplace, git
from support.servers import missing

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"


@pytest.fixture
def framework(with_origin: Workplace, tmp_path: Path) -> Workplace:
    """A catalog that uses the hooks of a repository with our manifest, and the `envcat` of this interpreter."""
    if importlib.util.find_spec("pre_commit") is None:
        missing("pre-commit, which is not installed")
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(MANIFEST, source)
    git(source, "init", "-q")
    git(source, "add", ".")
    git(source, "commit", "-qm", "Hooks")
    # `system` in place of `python`: the framework would install us from an index, which is another test's matter.
    hooks = [{"id": item["id"], "language": "system", "language_version": "default"} for item in hooks_of()]
    config = {"repos": [{"repo": str(source), "rev": git(source, "rev-parse", "HEAD"), "hooks": hooks}]}
    (with_origin.root / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    with_origin.add("demo", "alpha<2")
    return with_origin


def hooks_of() -> list[dict[str, object]]:
    """The manifest."""
    found: list[dict[str, object]] = yaml.safe_load(MANIFEST.read_text())
    return found


def pre_commit(place: Workplace, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the framework in the catalog."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *arguments],
        cwd=place.root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path, "PRE_COMMIT_HOME": str(place.cache / "pre-commit")},
    )


def test_the_manifest_names_our_commands() -> None:
    assert f"\n#     rev: v{__version__}\n" in MANIFEST.read_text()
    assert {item["id"]: item["entry"] for item in hooks_of()} == {
        "envcat-validate": "envcat validate",
        "envcat-lock-check": "envcat lock --check",
    }
    for item in hooks_of():
        assert (item["language"], item["pass_filenames"], item["files"]) == ("python", False, "^catalog/")


def test_the_framework_takes_the_manifest(framework: Workplace) -> None:
    done = pre_commit(framework, "validate-manifest", str(MANIFEST))
    assert done.returncode == 0, done.stdout


def test_both_hooks_pass_and_fail(framework: Workplace) -> None:
    done = pre_commit(framework, "run", "--all-files")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2
    framework.edit("demo", "alpha<2", "alpha>=2")
    git(framework.root, "add", ".")
    done = pre_commit(framework, "run")
    assert done.returncode == 1
    assert "validate the environment catalog" in done.stdout
    assert "stale  demo" in done.stdout
    framework.edit("demo", "description:", "descriptoin:")
    git(framework.root, "add", ".")
    done = pre_commit(framework, "run")
    assert "error: the key `descriptoin` is not known here" in done.stdout
    (framework.root / "README.md").write_text("x\n")
    git(framework.root, "restore", "--staged", "--worktree", "catalog")
    git(framework.root, "add", "README.md")
    assert pre_commit(framework, "run").stdout.count("Skipped") == 2
