"""Debian packages: mirrors, signed indexes, a small deterministic solver, maintainer scripts."""
