"""Images assembled by hand from this machine's own shell and a few programs with their libraries."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from envcatalog.model.host import host_platform
from envcatalog.model.image import BuiltImage, BuiltPlatform, Layer

PROGRAMS = ("sh", "cat", "env", "head", "id", "ls", "mkdir", "pwd", "readlink", "sleep", "touch", "wc")
PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n"
Member = tuple[tarfile.TarInfo, bytes]
MakeLayer = Callable[[Sequence[Member]], Layer]
MakeImage = Callable[..., BuiltImage]


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def member(
    name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o755
) -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname, info.mode = kind, len(data), link, mode
    info.mtime = 315532800
    return info, data


@pytest.fixture(scope="session")
def layer_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("layers")


@pytest.fixture(scope="session")
def make_layer(layer_folder: Path) -> MakeLayer:
    def make(members: Sequence[Member]) -> Layer:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as archive:
            for info, data in members:
                archive.addfile(info, io.BytesIO(data))
        raw = plain.getvalue()
        # Two gzip members, as the layers of the embedded builder have many.
        packed = gzip.compress(raw[:700], mtime=0) + gzip.compress(raw[700:], 1, mtime=0)
        path = layer_folder / digest(packed).removeprefix("sha256:")
        path.write_bytes(packed)
        return Layer(key="", digest=digest(packed), size=len(packed), diff_id=digest(raw), path=path)

    return make


@pytest.fixture(scope="session")
def tiny(make_layer: MakeLayer) -> Layer:
    """A shell, a few programs and their libraries."""
    files: dict[str, Path] = {}
    for name in PROGRAMS:
        program = Path(shutil.which(name) or "")
        files[f"bin/{name}"] = program.resolve()
        listed = subprocess.run(
            ["ldd", str(program.resolve())], capture_output=True, text=True, check=True
        ).stdout
        for library in re.findall(r"(/\S+)", listed):
            files[library.lstrip("/")] = Path(library).resolve()
    folders = sorted({str(parent) for name in files for parent in Path(name).parents if str(parent) != "."})
    members = [member(name, kind=tarfile.DIRTYPE) for name in [*folders, "etc", "home", "home/app", "root"]]
    members += [member(name, path.read_bytes()) for name, path in sorted(files.items())]
    return make_layer([*members, member("etc/passwd", PASSWD, mode=0o644)])


@pytest.fixture(scope="session")
def make_image(tiny: Layer) -> MakeImage:
    def make(*more: Layer, platform: str = "", **config: object) -> BuiltImage:
        layers = (tiny, *more)
        system, architecture = (platform or host_platform()).split("/")
        data = json.dumps(
            {
                "architecture": architecture,
                "os": system,
                "created": "1980-01-01T00:00:00Z",
                "config": config,
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            }
        ).encode()
        built = BuiltPlatform(
            platform=platform or host_platform(),
            config=data,
            manifest=b"{}",
            manifest_digest=digest(b"{}"),
            layers=layers,
        )
        return BuiltImage(environment="tiny", plan="", index=b"{}", digest=digest(b"{}"), platforms=(built,))

    return make


def local(layer: Layer) -> Path:
    """The `blob` argument of `run_checks`."""
    assert layer.path is not None
    return layer.path
