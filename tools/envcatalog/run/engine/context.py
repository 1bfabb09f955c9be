"""A build context as a tar for the classic builder, or as a folder for BuildKit's client."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from envcatalog.model.docker import ContextFile

# The Dockerfile that is built is not the one in the context: its images have digests. Docker takes both files out of
# the context that instructions see, since the ignore file names them.
DOCKERFILE = ".envcatalog-dockerfile"
IGNORE = ".dockerignore"
MTIME = 315532800


def write_tar(files: Iterable[ContextFile], dockerfile: str, out: IO[bytes]) -> None:
    """The context with the Dockerfile under the name `DOCKERFILE`. Raises Refusal for an unreadable file."""
    kept = [file for file in files if file.path != IGNORE]
    ignore = next((data_of(file) for file in files if file.path == IGNORE), None)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in kept:
            _add(archive, file.path, b"" if file.link else data_of(file), file.mode or 0o777, file.link)
        _add(archive, DOCKERFILE, dockerfile.encode(), 0o644)
        own = f"{DOCKERFILE}\n" if ignore is not None else f"{DOCKERFILE}\n{IGNORE}\n"
        _add(archive, IGNORE, (ignore + b"\n" if ignore else b"") + own.encode(), 0o644)


def write_folder(files: Iterable[ContextFile], folder: Path) -> None:
    """The context as files; the folder must be empty."""
    for file in files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.link:
            path.symlink_to(file.link)
            continue
        path.write_bytes(data_of(file))
        path.chmod(file.mode)


def data_of(file: ContextFile) -> bytes:
    """A file's bytes."""
    if isinstance(file.source, bytes):
        return file.source
    return file.source.read_bytes() if isinstance(file.source, Path) else file.source()


def _add(archive: tarfile.TarFile, path: str, data: bytes, mode: int, link: str = "") -> None:
    info = tarfile.TarInfo(path)
    info.mtime, info.mode, info.size = MTIME, mode, len(data)
    if link:
        info.type, info.linkname, info.size = tarfile.SYMTYPE, link, 0
    archive.addfile(info, io.BytesIO(data))
