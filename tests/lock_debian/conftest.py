"""A signed archive in a folder, and a process that has asked no archive yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from envcatalog.lock.debian.indexes import forget
from support.debs import DebianArchive


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def archive(tmp_path: Path) -> DebianArchive:
    """The archive's main suites are written by the test."""
    return DebianArchive(tmp_path / "archive")
