"""The first hour of a user, with this machine's own package index and Debian mirror."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from support.catalog_fixtures import host_architecture
from support.catalogs import Workplace, git
from support.wheelhouse import Server

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    """A catalog fresh from `init`, on a machine without an engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    place = Workplace(
        root=tmp_path / "catalog",
        images=f"oci:{tmp_path / 'images'}",
        cache=tmp_path / "cache",
        index=Server(tmp_path),
        monkeypatch=monkeypatch,
        capsys=capsys,
    )
    assert place.run("init", str(place.root), at=tmp_path).code == 0
    return place


def test_init_lock_publish_edit(here: Workplace, tmp_path: Path) -> None:
    place = here
    if host_architecture() != "amd64":
        pytest.skip("needs an amd64 machine")
    git(place.root, "add", "-A")
    git(place.root, "commit", "-qm", "Start")
    assert place.run("validate").code == 0
    place.lock()
    place.commit("Lock")
    done = place.publish()
    assert done.code == 0, done.err
    [row] = done.json["published"]
    assert (row["version"], row["status"], row["checks"]) == (1, "published", "namespace")

    # another machine, another day: the same image
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(place.root), str(folder))
    other = replace(place, root=folder, cache=tmp_path / "other-cache")
    built = other.run("build", "--format", "json")
    assert built.code == 0, built.err
    assert built.json["images"][0]["digest"] == row["digest"]

    # one more package: one more layer
    place.edit("example", "requests>=2.32,<3", 'requests>=2.32,<3", "six>=1.16')
    locked = place.run("lock", "--format", "json")
    assert locked.code == 0, locked.err
    [change] = locked.json["locks"][0]["changes"]
    assert (change["path"], change["kind"]) == ("python.packages.six", "added")
    place.commit("Add six")
    done = place.publish()
    assert done.code == 0, done.err
    assert "building 1 layer" in done.err
    assert place.publish().json["published"][0]["status"] == "unchanged"
    skopeo = shutil.which("skopeo")
    if skopeo:
        inspected = subprocess.run(
            [skopeo, "inspect", f"{place.images}:example:2"], capture_output=True, text=True, check=True
        )
        found = json.loads(inspected.stdout)
        assert found["Labels"]["io.envcatalog.environment"] == "example"
        assert "PYTHONUNBUFFERED=1" in found["Env"]


def test_a_broken_check_is_shown(here: Workplace) -> None:
    place = here
    git(place.root, "add", "-A")
    git(place.root, "commit", "-qm", "Start")
    place.edit("example", "import requests", "import nothing_of_this_name")
    place.lock()
    place.commit("Lock")
    done = place.publish()
    assert done.code == 1
    assert "ModuleNotFoundError: No module named 'nothing_of_this_name'" in done.err
    assert place.tags() == []
