"""An index on the loopback address, and a machine configured for it alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.wheelhouse import Server, running_index


@pytest.fixture
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An empty index server."""
    with running_index(tmp_path_factory.mktemp("wheelhouse")) as server:
        yield server


@pytest.fixture
def only_index(
    index: Server, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """The index server as the machine's default index, and nothing else configured."""
    for name in (
        "PIP_CONFIG_FILE",
        "PIP_FIND_LINKS",
        "PIP_EXTRA_INDEX_URL",
        "UV_CONFIG_FILE",
        "UV_INDEX_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", index.index())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.mktemp("uv")))
    return index


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """An empty cache folder."""
    return tmp_path / "cache"
