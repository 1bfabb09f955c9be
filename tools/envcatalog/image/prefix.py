"""Where an environment stands in an image; without a leading slash, as in a tar."""

from __future__ import annotations

from envcatalog.model.plan import PythonTarget

PREFIX = "opt/env"
BIN = f"{PREFIX}/bin"


def site_packages(target: PythonTarget) -> str:
    """Where modules go, without a leading slash."""
    return f"{PREFIX}/lib/python{target.version}/site-packages"


def is_conda(target: PythonTarget) -> bool:
    """Whether the interpreter is a conda package's, in the folder itself, so that there is no virtual environment."""
    return target.interpreter.startswith(f"/{BIN}/")
