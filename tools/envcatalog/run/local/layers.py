"""Files of layers that go into an environment on this machine: those of an image's `/opt/env`, at another place."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

from envcatalog.image.prefix import BIN, PREFIX
from envcatalog.model.errors import UserError

_LINE = f"#!/{BIN}/python".encode()


def add_layers(blobs: Iterable[Path], prefix: Path) -> None:
    """Unpack what the layers have below the image's prefix; programs are run by the environment's interpreter.

    Raises:
        UserError: a layer cannot be read.
    """
    for blob in blobs:
        try:
            with tarfile.open(blob) as archive:
                for member in archive:
                    if member.name.startswith(f"{PREFIX}/") and member.isreg():
                        _unpack(archive, member, prefix)
        except (tarfile.TarError, OSError) as error:
            raise UserError(f"a layer cannot be unpacked: {error}") from error


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, prefix: Path) -> None:
    target = prefix / member.name.removeprefix(f"{PREFIX}/")
    if ".." in target.parts:
        raise tarfile.TarError(f"`{member.name}` leads out of the environment")
    target.parent.mkdir(parents=True, exist_ok=True)
    stream = archive.extractfile(member)
    assert stream is not None, "it is a regular file"
    with stream, target.open("wb") as out:
        first = stream.readline() if target.parent == prefix / "bin" else b""
        if first.startswith(_LINE):
            first = f"#!{prefix}/bin/python\n".encode()
        out.write(first)
        while data := stream.read(1 << 20):
            out.write(data)
    target.chmod(member.mode & 0o755)
    # Byte code is current only if its source has the time that it was compiled with.
    os.utime(target, (member.mtime, member.mtime))
