"""Checks in namespaces of the kernel, without an engine."""
