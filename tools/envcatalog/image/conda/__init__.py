"""Layers of conda packages."""
