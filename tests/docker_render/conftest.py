"""A catalog whose environments are built by both builders."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_render_support import forget

from support.catalog_fixtures import host_architecture, index, workplace
from support.catalogs import Workplace, base_layout

__all__ = ["index", "workplace"]


@pytest.fixture
def shells(workplace: Workplace) -> Workplace:
    """The catalog, with an image `oci:bases:shell` that no other test has: a shell, a program and their libraries."""
    files = {"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n", "etc/tag": secrets.token_bytes(8)}
    for name in ("cat", "sh"):
        program = Path(shutil.which(name) or "").resolve()
        files[f"bin/{name}"] = program.read_bytes()
        listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+)", listed):
            files[library.lstrip("/")] = Path(library).resolve().read_bytes()
    base_layout(workplace.root / "bases", tag="shell", platforms=(host_architecture(),), files=files)
    return workplace


@pytest.fixture
def engine(docker_engine: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The engine's client; the tests' images are removed from it."""
    from docker import APIClient

    monkeypatch.setenv("DOCKER_HOST", docker_engine)
    client = APIClient(base_url=docker_engine, version="auto")
    yield client
    forget(client)
    client.close()
