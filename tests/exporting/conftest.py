"""Whole catalogs."""

from history.conftest import light
from support.catalog_fixtures import index, workplace

__all__ = ["index", "light", "workplace"]
