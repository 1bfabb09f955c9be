"""Whole catalogs, and a bare origin with our hooks."""

from __future__ import annotations

import pytest

from support.catalog_fixtures import index, with_origin, workplace
from support.catalogs import Workplace, git

__all__ = ["index", "with_origin", "workplace"]


@pytest.fixture
def served(with_origin: Workplace) -> Workplace:
    """A clone, and an origin with server hooks that publishes to the clone's `images`."""
    assert with_origin.origin is not None
    done = with_origin.run("hooks", "install", "-C", str(with_origin.origin))
    assert done.code == 0, done.err
    git(with_origin.origin, "config", "envcat.registry", with_origin.images)
    return with_origin
