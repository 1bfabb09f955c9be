"""Dockerfiles and images."""
