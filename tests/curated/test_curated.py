"""Every curated environment is built from its lock, its checks run in the image, and it is published; and the demo.

These ask the machine's package index and Debian mirror. A mirror drops superseded files; where that has happened,
what is served today is locked in the test's own copy, so that the tests go on working, and the summary names it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from support.servers import missing

ROOT = Path(__file__).parents[2]
ALL = sorted(path.parent.name for path in (ROOT / "catalog").glob("*/environment.yaml"))
WITH_DOCKERFILE = [name for name in ALL if (ROOT / "catalog" / name / "Dockerfile").is_file()]
NAMES = [name for name in ALL if name not in WITH_DOCKERFILE]
PYTORCH = "curated-pytorch-cpu"

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("curated-cache")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("curated")
    shutil.copytree(ROOT / "catalog", root / "catalog")
    shutil.copytree(ROOT / "schemas", root / "schemas")
    return root


@pytest.fixture
def committed(catalog: Path) -> Path:
    if not (catalog / ".git").exists():
        _run(["git", "init", "-q"], catalog)
        _run(["git", "add", "."], catalog)
        _run(["git", "commit", "-qm", "Start"], catalog)
    return catalog


@pytest.mark.parametrize("name", NAMES)
def test_curated_environment_is_built_checked_and_published(name: str, committed: Path, cache: Path) -> None:
    done = _publish(name, committed, cache)
    if "is gone" in done.stderr or "no longer" in done.stderr:
        warnings.warn(f"{name}: a locked file is superseded: {done.stderr.splitlines()[-2:]}", stacklevel=1)
        locked = _envcat(["lock", "--upgrade", *_chain(name)], committed, cache)
        assert locked.returncode == 0, locked.stderr
        _run(["git", "commit", "-qam", "Lock what is served today"], committed)
        done = _publish(name, committed, cache)
    if done.returncode and name == PYTORCH and "torch-" in done.stderr:
        missing("an index or find-links folder with CPU builds of PyTorch")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["published"]
    assert (row["environment"], row["version"], row["status"]) == (name, 1, "published")
    if "engine" not in row["checks"] and "namespace" not in row["checks"]:
        missing("a Docker Engine or user namespaces to run checks in")


@pytest.mark.engine
@pytest.mark.parametrize("name", WITH_DOCKERFILE)
def test_environment_with_a_dockerfile_is_built_by_an_engine(
    name: str, committed: Path, cache: Path, docker_engine: str
) -> None:
    # Nothing is fetched while it is built, and test engines have no network of their own to give.
    done = _publish(name, committed, cache, "--network", "none")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["published"]
    assert (row["environment"], row["version"], row["status"]) == (name, 1, "published")
    assert "engine" in row["checks"]


def test_definitions_and_locks_of_this_repository_are_fresh(committed: Path, cache: Path) -> None:
    assert _envcat(["validate"], committed, cache).returncode == 0
    done = _envcat(["lock", "--check", "--format", "json"], committed, cache)
    rows = json.loads(done.stdout)["locks"]
    assert {row["environment"] for row in rows} == set(ALL)
    assert done.returncode == 0, done.stdout


def test_demo_ends_with_version_1_rebuilt_bit_for_bit(tmp_path: Path, cache: Path) -> None:
    done = _envcat(["demo", str(tmp_path / "demo")], tmp_path, cache)
    assert done.returncode == 0, done.stderr
    assert "the same, bit for bit" in done.stdout
    assert "upgraded" in done.stdout or "downgraded" in done.stdout


def _publish(name: str, catalog: Path, cache: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return _envcat(
        ["publish", name, *options, "--registry", "oci:images", "--format", "json"], catalog, cache
    )


def _chain(name: str) -> list[str]:
    chain = [name]
    while True:
        lock = json.loads((ROOT / "catalog" / chain[0] / "lock.json").read_text(encoding="utf-8"))
        if "environment" not in (lock["base"] or {}):
            return chain
        chain.insert(0, lock["base"]["environment"])


def _envcat(arguments: list[str], folder: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "envcatalog", *arguments],
        cwd=folder,
        env={**os.environ, "ENVCATALOG_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True)
