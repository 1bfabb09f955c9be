"""Dockerfiles and their contexts."""
