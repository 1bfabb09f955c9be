"""A catalog whose environments are built by a real engine, from a base that our own builder published."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_support import Engine, programs

from support.catalog_fixtures import host_architecture
from support.catalogs import Workplace, base_layout, git


@pytest.fixture(scope="session")
def engine_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layout folder with the image ``tools``: a shell and a few programs."""
    folder = tmp_path_factory.mktemp("engine-base") / "bases"
    base_layout(folder, tag="tools", platforms=(host_architecture(),), files=programs())
    return folder


@pytest.fixture
def place(
    tmp_path: Path,
    engine_base: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Workplace:
    """A catalog with the layout in `bases`; without an engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    root = tmp_path / "catalog"
    root.mkdir()
    git(root, "init", "-q")
    (root / "bases").symlink_to(engine_base)
    (root / ".git/info/exclude").write_text("/bases\n")
    (root / "catalog").mkdir()
    (root / "catalog/catalog.yaml").write_text("aliases: [prod]\n")
    found = Workplace(
        root=root,
        images=f"oci:{tmp_path / 'images'}",
        cache=tmp_path / "cache",
        index=None,  # type: ignore[arg-type]
        monkeypatch=monkeypatch,
        capsys=capsys,
    )
    found.commit("Start")
    return found


@pytest.fixture
def engine(docker_engine: str, place: Workplace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The engine, for the catalog; what a test's builds leave on it, but for their caches, is an error."""
    from docker import APIClient

    monkeypatch.setenv("DOCKER_HOST", docker_engine)
    client = APIClient(base_url=docker_engine, version="auto")
    found = Engine(client)
    try:
        yield found
        assert found.containers() == []
        assert found.dangling() == []
        assert found.tags("envcatalog-base") == []
    finally:
        found.forget()
        client.close()


@pytest.fixture
def registry(docker_registry: str, place: Workplace) -> str:
    """The registry, for the catalog, with a prefix of the test's own."""
    where = f"{docker_registry}/t{os.urandom(4).hex()}"
    place.images = where
    return where
