"""A whole catalog, as for the tests of use cases."""

from support.catalog_fixtures import index as index
from support.catalog_fixtures import with_origin as with_origin
from support.catalog_fixtures import workplace as workplace
