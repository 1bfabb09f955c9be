"""Environments on the image with a shell."""

from __future__ import annotations

from support.catalogs import Workplace


def shell_definition(name: str, more: str = "") -> str:
    """The text of a definition on the shell's image."""
    return f"name: {name}\ndescription: For a test\nbase: {{image: 'oci:bases:shell'}}\n{more}"


def add(place: Workplace, name: str, more: str = "") -> None:
    """Write, lock and commit an environment on the shell's image."""
    place.write(name, shell_definition(name, more))
    place.lock(name)
    place.commit(f"Add {name}")
