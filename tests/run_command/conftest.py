"""A catalog whose environments stand on a small image with a shell, and whose versions are in an OCI layout."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_command_support import shell_tag

from support.catalog_fixtures import index, workplace
from support.catalogs import Workplace, base_layout

__all__ = ["index", "workplace"]

PROGRAMS = ("bash", "cat", "df", "echo", "env", "id", "ls", "mkdir", "pwd", "sh", "sleep", "touch", "yes")
PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n"


@pytest.fixture(scope="session")
def shell_files() -> dict[str, bytes]:
    """A shell, a few programs and their libraries."""
    files = {"etc/passwd": PASSWD, "etc/group": b"root:x:0:\napp:x:1000:\n", "tmp/.keep": b""}
    for name in PROGRAMS:
        program = Path(shutil.which(name) or "").resolve()
        files[f"bin/{name}"] = program.read_bytes()
        listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+)", listed):
            files[library.lstrip("/")] = Path(library).resolve().read_bytes()
    return files


@pytest.fixture
def shells(workplace: Workplace, shell_files: dict[str, bytes]) -> Workplace:
    """The catalog, with an image that no other test has; tests may share an engine."""
    tag = f"shell-{secrets.token_hex(6)}"
    base_layout(workplace.root / "bases", tag=tag, files={**shell_files, "etc/tag": tag.encode()})
    return workplace


@pytest.fixture
def engine(docker_engine: str, shells: Workplace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The engine's client; a container that the test leaves is an error, its images are removed."""
    from docker import APIClient

    monkeypatch.setenv("DOCKER_HOST", docker_engine)
    client = APIClient(base_url=docker_engine, version="auto")
    mine = {"label": f"base={shell_tag(shells)}"}
    yield client
    left = client.containers(all=True, filters=mine)
    for image in client.images(filters=mine):
        client.remove_image(image["Id"], force=True)
    client.close()
    assert left == []
