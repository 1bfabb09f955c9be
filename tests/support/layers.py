"""Layers written for real from wheels and packages made in the test, and read back by tarfile."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from envcatalog.image.bytecode import Compiler, compiler_for
from envcatalog.image.layers import write_layer
from envcatalog.image.tar import TarWriter
from envcatalog.model.lock import Artefact, Deb, Wheel
from envcatalog.model.plan import LayerKind, LayerPlan, PythonTarget

OWN_VERSION = "{}.{}.{}".format(*sys.version_info[:3])
MINOR = "{}.{}".format(*sys.version_info[:2])
TARGET = PythonTarget(version=MINOR, interpreter=f"/usr/bin/python{MINOR}", bytecode=OWN_VERSION)
SITE = f"opt/env/lib/python{MINOR}/site-packages"
TAG = "cpython-" + MINOR.replace(".", "")
EPOCH = (1980, 1, 1, 0, 0, 0)


class Folder:
    """Artefacts from a folder."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders

    def prefetch(self, artefacts: tuple[Artefact, ...]) -> None:
        """All are here."""

    def path(self, artefact: Artefact) -> Path:
        """The file."""
        return next(folder / artefact.file for folder in self.folders if (folder / artefact.file).exists())


def row(path: str, data: bytes) -> str:
    """A line of RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"


def make_wheel(
    folder: Path,
    name: str,
    files: Mapping[str, bytes],
    *,
    entry_points: str = "",
    modes: Mapping[str, int] | None = None,
    wheel: str = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    metadata: str | None = None,
    record: str | None = None,
    extra: Iterable[tuple[zipfile.ZipInfo, bytes]] = (),
) -> Wheel:
    """A wheel with all that is given, right or wrong."""
    info = f"{name}-1.0.dist-info"
    content = dict(files)
    content[f"{info}/METADATA"] = (
        metadata or f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    ).encode()
    content[f"{info}/WHEEL"] = wheel.encode()
    if entry_points:
        content[f"{info}/entry_points.txt"] = entry_points.encode()
    lines = "".join(row(path, data) for path, data in content.items()) + f"{info}/RECORD,,\n"
    content[f"{info}/RECORD"] = (record if record is not None else lines).encode()
    path = folder / f"{name}-1.0-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in content.items():
            entry = zipfile.ZipInfo(member, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (modes or {}).get(member, 0o100644) << 16
            archive.writestr(entry, data)
        for entry, data in extra:
            archive.writestr(entry, data)
    return locked_wheel(path)


def locked_wheel(path: Path) -> Wheel:
    """A wheel file as a lock names it."""
    name, version = path.name.split("-")[:2]
    return Wheel(
        name=name.replace("_", "-").lower(),
        version=version,
        file=path.name,
        size=path.stat().st_size,
        sha256=file_sha256(path),
    )


def file_sha256(path: Path) -> str:
    """Hex digest, without holding the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locked_deb(path: Path) -> Deb:
    """A package file as a lock names it."""
    name, version, architecture = path.name.removesuffix(".deb").split("_")
    return Deb(
        name=name,
        version=version.replace("%3a", ":"),
        architecture=architecture,
        path=f"pool/{path.name}",
        size=path.stat().st_size,
        sha256=file_sha256(path),
    )


class NoCompiler(Compiler):
    """For layers that are not to start any interpreter."""

    def __init__(self) -> None:
        super().__init__(TARGET, (), Folder(), Path("/nonexistent"))

    def compile(self, sources: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes | None]]:
        """Nothing compiles."""
        return ((path, None) for path, _ in sources)


def layer_bytes(
    kind: LayerKind,
    artefacts: tuple[Deb, ...] | tuple[Wheel, ...],
    folder: Path,
    *,
    python: PythonTarget | None = TARGET,
    compiler: Compiler | None = None,
) -> bytes:
    """The tar of a layer, compiled by the running interpreter unless another compiler is given."""
    layer = LayerPlan(
        key="sha256:" + "0" * 64, kind=kind, title="a layer", artefacts=artefacts, python=python
    )
    out = io.BytesIO()
    store = Folder(folder)
    with compiler or compiler_for(TARGET, (), store, folder) as used, TarWriter(out) as tar:
        write_layer(layer, store, used, tar)
    return out.getvalue()


def layer_bytes_of(layer: LayerPlan, folder: Path) -> bytes:
    """The tar of a layer that is planned, in which nothing is compiled."""
    out = io.BytesIO()
    with TarWriter(out) as tar:
        write_layer(layer, Folder(folder), NoCompiler(), tar)
    return out.getvalue()


def read_tar(data: bytes) -> dict[str, tarfile.TarInfo]:
    """Path to entry."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive}


def contents(data: bytes) -> dict[str, bytes]:
    """Path of each regular file to its bytes."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {}
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                found[member.name] = stream.read()
        return found
