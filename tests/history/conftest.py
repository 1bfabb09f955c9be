"""Whole catalogs."""

from pathlib import Path

import pytest

from history.light import Light
from support.catalog_fixtures import index, with_origin, workplace
from support.catalogs import SETTINGS, git

__all__ = ["index", "light", "with_origin", "workplace"]


@pytest.fixture
def light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Light:
    """A catalog with settings, on branch main, nothing committed."""
    root = tmp_path / "light"
    (root / "catalog").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / "catalog/catalog.yaml").write_text(SETTINGS)
    return Light(root=root, monkeypatch=monkeypatch, capsys=capsys)
