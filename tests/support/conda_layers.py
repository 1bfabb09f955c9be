"""Layers of conda packages, written for real and read back."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from envcatalog.image.bytecode import compiler_for
from envcatalog.image.layers import write_layer
from envcatalog.image.tar import TarWriter
from envcatalog.model.lock import CondaPackage
from envcatalog.model.plan import LayerPlan, PythonTarget
from support.conda_python import FULL, MINOR

TARGET = PythonTarget(version=MINOR, interpreter=f"/opt/env/bin/python{MINOR}", bytecode=FULL)


class Channel:
    """Artefacts from a channel's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[str] = []

    def prefetch(self, artefacts: Iterable[Any]) -> None:
        """All are here."""
        self.fetched += [artefact.file for artefact in artefacts]

    def path(self, artefact: Any) -> Path:
        """The file."""
        return self.folder / artefact.subdir / artefact.file


def layer_tar(
    channel: Path,
    packages: tuple[CondaPackage, ...],
    cache: Path,
    *,
    python: PythonTarget | None = TARGET,
    requested: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """The tar of one layer with these packages; the interpreter that compiles is among them."""
    layer = LayerPlan(
        key="sha256:" + "0" * 64,
        kind="conda",
        title="a layer",
        artefacts=packages,
        python=python,
        requested=requested,
    )
    out = io.BytesIO()
    store = Channel(channel)
    interpreters = (("linux/amd64", packages), ("linux/arm64", packages)) if python else ()
    with compiler_for(TARGET, interpreters, store, cache) as compiler, TarWriter(out) as tar:
        write_layer(layer, store, compiler, tar)
    return out.getvalue()


def nodes_of_tar(data: bytes) -> dict[str, tuple[str, str]]:
    """Path below the prefix to what is there: a link's target, or a file's digest and whether it can be run."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            path = member.name.removeprefix("opt/env/")
            if member.issym():
                found[path] = ("link", member.linkname)
            elif not member.isdir():
                stream = archive.extractfile(member)
                assert stream is not None
                kind = "program" if member.mode & 0o100 else "file"
                found[path] = (kind, hashlib.sha256(stream.read()).hexdigest())
    return found


def nodes_of_folder(folder: Path) -> dict[str, tuple[str, str]]:
    """The same of a folder."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_file():
            kind = "program" if path.stat().st_mode & 0o100 else "file"
            found[name] = (kind, hashlib.sha256(path.read_bytes()).hexdigest())
    return found
