"""envcatalog: an environment catalog that is only Git and a registry."""

__version__ = "0.1.0"
