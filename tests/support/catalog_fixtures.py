"""Fixtures of the tests that work with a whole catalog."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.catalogs import SETTINGS, Workplace, base_layout, git, use_index
from support.wheelhouse import Server, running_index


@pytest.fixture
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A package index with three small projects in two releases."""
    with running_index(tmp_path_factory.mktemp("wheelhouse")) as server:
        server.add("alpha", "1.0")
        server.add("alpha", "2.0")
        server.add("beta", "1.0", requires=["gamma"])
        server.add("gamma", "1.0")
        yield server


@pytest.fixture
def workplace(
    tmp_path: Path,
    index: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Workplace:
    """A catalog without environments: a base image, settings, one commit."""
    use_index(monkeypatch, index.index(), tmp_path_factory.mktemp("uv"))
    root = tmp_path / "catalog"
    root.mkdir()
    git(root, "init", "-q")
    base_layout(root / "bases")
    (root / "catalog").mkdir()
    (root / "catalog/catalog.yaml").write_text(SETTINGS)
    place = Workplace(
        root=root,
        images=f"oci:{tmp_path / 'images'}",
        cache=tmp_path / "cache",
        index=index,
        monkeypatch=monkeypatch,
        capsys=capsys,
    )
    place.commit("Start")
    return place


@pytest.fixture
def with_origin(workplace: Workplace, tmp_path: Path) -> Workplace:
    """The same, with a bare `origin`."""
    workplace.origin = tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", str(workplace.origin))
    git(workplace.root, "remote", "add", "origin", str(workplace.origin))
    git(workplace.root, "push", "-q", "origin", "main")
    return workplace


def host_architecture() -> str:
    """In Docker's words."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def second_machine(place: Workplace, folder: Path) -> Workplace:
    """A clone of `origin` with an empty cache."""
    assert place.origin is not None
    git(folder.parent, "clone", "-q", str(place.origin), str(folder))
    return Workplace(
        root=folder,
        images=place.images,
        cache=folder.parent / f"{folder.name}-cache",
        index=place.index,
        monkeypatch=place.monkeypatch,
        capsys=place.capsys,
        origin=place.origin,
        variables=dict(os.environ),
    )
