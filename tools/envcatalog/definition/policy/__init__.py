"""The policy of `catalog.yaml`, applied to definitions and locks."""
