"""Whole catalogs."""

from support.catalog_fixtures import index, with_origin, workplace

__all__ = ["index", "with_origin", "workplace"]
