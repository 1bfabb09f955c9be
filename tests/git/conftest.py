"""Real repositories, opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from git_support import git, make_catalog

from envcatalog.git.repository import CatalogRepository


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A catalog's folder."""
    folder = tmp_path / "catalog-repository"
    make_catalog(folder)
    return folder


@pytest.fixture
def repository(root: Path) -> Iterator[CatalogRepository]:
    """The same, opened."""
    with CatalogRepository.open(root) as opened:
        yield opened


@pytest.fixture
def origin(root: Path, tmp_path: Path) -> Path:
    """A bare repository that is the catalog's `origin`."""
    folder = tmp_path / "origin.git"
    git(tmp_path, "clone", "-q", "--bare", str(root), str(folder))
    git(root, "remote", "add", "origin", str(folder))
    return folder
