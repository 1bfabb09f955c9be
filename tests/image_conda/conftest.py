"""The channel, and a catalog whose environments stand on a small image with a C library and a shell."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.catalog_fixtures import index, workplace
from support.catalogs import Workplace, base_layout
from support.conda_channel import conda_channel

__all__ = ["conda_channel", "index", "workplace"]

PASSWD = b"root:x:0:0:root:/root:/bin/sh\n"
# What a Python and its extension modules need of a C library; each is there since some glibc, or for good.
LIBRARIES = ("libc", "libm", "libdl", "libpthread", "librt", "libutil")


@pytest.fixture(scope="session")
def base_files() -> dict[str, bytes]:
    """A shell, `env`, and the C library."""
    files = {"etc/passwd": PASSWD, "tmp/.keep": b""}
    programs = {name: Path(shutil.which(name) or "").resolve() for name in ("sh", "env")}
    libraries: set[str] = set()
    for name, program in programs.items():
        files[f"bin/{name}"] = files[f"usr/bin/{name}"] = program.read_bytes()
        libraries |= set(linked(program))
    folder = Path(next(one for one in libraries if "libc.so" in one)).parent
    libraries |= {str(path) for name in LIBRARIES for path in folder.glob(f"{name}.so.[0-9]")}
    for library in libraries:
        files[library.lstrip("/")] = Path(library).resolve().read_bytes()
    return files


def linked(program: Path) -> Iterable[str]:
    """The libraries and the loader of a program."""
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+)", listed)


@pytest.fixture
def conda_place(
    workplace: Workplace,
    base_files: dict[str, bytes],
    conda_channel: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Workplace:
    """The catalog, with the base `oci:bases:libc` and the channel `local`."""
    base_layout(workplace.root / "bases", tag="libc", files=base_files)
    settings = workplace.root / "catalog/catalog.yaml"
    settings.write_text(settings.read_text() + f"channels:\n  local: {{url: '{conda_channel.as_uri()}'}}\n")
    monkeypatch.setenv("ENVCATALOG_FOLDERS", str(conda_channel))
    workplace.commit("Add a channel and a base with a C library")
    return workplace
