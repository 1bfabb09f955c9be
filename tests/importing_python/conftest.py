"""Whole catalogs."""

from support.catalog_fixtures import index, workplace

__all__ = ["index", "workplace"]
