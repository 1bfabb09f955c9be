"""A machine that has no conda configuration, and channels made in the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.catalog_fixtures import workplace
from support.conda_records import RecordChannel
from support.wheelhouse import Server, running_index

__all__ = ["workplace"]


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "CONDARC",
        "CONDA_PREFIX",
        "CONDA_ROOT",
        "CONDA_CHANNEL_ALIAS",
        "RATTLER_AUTH_FILE",
        "NETRC",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """An empty cache folder."""
    return tmp_path / "cache"


@pytest.fixture
def own(tmp_path: Path) -> RecordChannel:
    """An empty channel."""
    return RecordChannel(tmp_path / "own")


@pytest.fixture
def other(tmp_path: Path) -> RecordChannel:
    """Another one."""
    return RecordChannel(tmp_path / "other")


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An empty index server, which is the machine's default index and the only one."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "UV_CONFIG_FILE", "UV_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    with running_index(tmp_path_factory.mktemp("wheelhouse")) as server:
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", server.index())
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.mktemp("uv")))
        yield server
