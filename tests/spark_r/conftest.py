"""A catalog of its own for each test that needs one."""

from support.catalog_fixtures import index, workplace

__all__ = ["index", "workplace"]
