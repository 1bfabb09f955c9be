"""Layers unpacked for checks, each once, to ``<cache>/rootfs/<diff_id hex>/tree``.

Dangerous ground: a layer may come from a stranger's base image. What must never change: every path is
resolved inside the tree, symbolic links included, before anything is written; no device, no set-user-id bit
and no owner is taken over; a tree appears under its name only when it is complete and its digest was right.
"""

# A layer holds tens of thousands of files: plain strings and `os` take half the time of `pathlib`.
# ruff: noqa: PTH101, PTH102, PTH108, PTH114, PTH115, PTH120, PTH123, PTH211

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import stat
import tarfile
import tempfile
import time
import zlib
from pathlib import Path
from typing import BinaryIO

from envcatalog.model.image import Layer
from envcatalog.run.checks import Blob, RunnerFailed

LINKS_MAX = 40
KEEP_SECONDS = 14 * 24 * 3600
OPAQUE = ".wh..wh..opq"
WHITEOUT = ".wh."


def unpack_layer(layer: Layer, folder: Path, blob: Blob) -> Path:
    """The folder of the layer: ``tree``, and ``whiteouts``: a JSON list of paths, opaque ones end in ``/``.

    Raises:
        RunnerFailed: the blob is not the layer's, not a plain or gzip tar archive, or leaves its tree.
    """
    place = folder / layer.diff_id.removeprefix("sha256:")
    if place.is_dir():
        os.utime(place)
        return place
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        _unpack(blob(layer), layer, made)
        rename_into(made, place)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place


def rename_into(made: Path, place: Path) -> None:
    """Give a complete folder its name; another process that was first has made the very same."""
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def prune(folder: Path) -> None:
    """Remove what no check has used for two weeks."""
    oldest = time.time() - KEEP_SECONDS
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            old = entry.stat().st_mtime < oldest
        except OSError:
            continue
        if old:
            shutil.rmtree(entry, ignore_errors=True)


def _unpack(blob: Path, layer: Layer, made: Path) -> None:
    tree = made / "tree"
    tree.mkdir()
    writer = _TreeWriter(tree)
    try:
        with blob.open("rb") as file, _plain(file) as plain:
            hashed = _Hashed(plain)
            with tarfile.open(fileobj=hashed, mode="r|") as archive:  # type: ignore[call-overload]
                for member in archive:
                    writer.add(member, archive)
            digest = hashed.finish()
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, zlib.error) as error:
        raise RunnerFailed(f"the layer `{layer.digest}` cannot be unpacked: {error}") from None
    if digest != layer.diff_id:
        raise RunnerFailed(f"the layer `{layer.digest}` unpacks to `{digest}`, not to `{layer.diff_id}`")
    (made / "whiteouts").write_text(json.dumps(writer.whiteouts))


def _plain(file: BinaryIO) -> BinaryIO:
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if magic == b"\x28\xb5\x2f\xfd":
        raise ValueError("it is compressed with zstd, which this Python cannot read")
    return file


class _Hashed:
    """A stream that hashes what is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._hash.update(data)
        return data

    def finish(self) -> str:
        """Digest of the whole stream, with what stands behind the archive's end."""
        while self.read(1 << 20):
            pass
        return f"sha256:{self._hash.hexdigest()}"


class _TreeWriter:
    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._folders = {self._root}
        self.whiteouts: list[str] = []

    def add(self, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        """One member; ValueError for a path that leaves the tree."""
        parts = _parts(member.name)
        if not parts:
            return
        parent = self._folder(parts[:-1])
        if parts[-1].startswith(WHITEOUT):
            self._whiteout(parent, parts[-1])
            return
        path = f"{parent}/{parts[-1]}"
        if member.isdir():
            self._make_folder(path, member.mode)
        elif member.isreg():
            self._replace(path)
            _write_file(path, member, archive)
        elif member.issym():
            self._replace(path)
            os.symlink(member.linkname, path)
        elif member.islnk():
            source = _parts(member.linkname)
            if not source:
                raise ValueError(f"`{member.name}` is a link to nothing")
            origin = f"{self._folder(source[:-1])}/{source[-1]}"
            if origin != path:
                self._replace(path)
                os.link(origin, path, follow_symlinks=False)

    def _whiteout(self, parent: str, name: str) -> None:
        relative = parent[len(self._root) + 1 :]
        if name == OPAQUE:
            self.whiteouts.append(f"{relative}/")
        elif len(name) > len(WHITEOUT):
            self.whiteouts.append(f"{relative}/{name[len(WHITEOUT) :]}".lstrip("/"))

    def _make_folder(self, path: str, mode: int) -> None:
        # A link that stands where a folder is named is replaced, as container engines do.
        if not _is_folder(path):
            self._replace(path)
            os.mkdir(path)
        os.chmod(path, mode & 0o1777 | 0o700)
        self._folders.add(path)

    def _replace(self, path: str) -> None:
        if _is_folder(path):
            shutil.rmtree(path)
            self._folders = {folder for folder in self._folders if os.path.lexists(folder)}
        elif os.path.lexists(path):
            os.unlink(path)

    def _folder(self, parts: list[str]) -> str:
        """The real folder of a path, made if need be; links count from the tree's root, as in a container."""
        direct = "/".join([self._root, *parts])
        if direct in self._folders:
            return direct
        path, todo, links = self._root, list(reversed(parts)), 0
        while todo:
            part = todo.pop()
            if part == "..":
                path = path if path == self._root else os.path.dirname(path)
                continue
            step = f"{path}/{part}"
            if os.path.islink(step):
                links += 1
                if links > LINKS_MAX:
                    raise ValueError(f"too many links in `{'/'.join(parts)}`")
                target = os.readlink(step)
                path = self._root if target.startswith("/") else path
                todo += [item for item in reversed(target.split("/")) if item not in ("", ".")]
                continue
            if not _is_folder(step):
                self._replace(step)
                os.mkdir(step)
                os.chmod(step, 0o755)  # noqa: S103
            path = step
            self._folders.add(path)
        return path


def _write_file(path: str, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
    source = archive.extractfile(member)
    if source is None:
        raise ValueError(f"`{member.name}` has no content")
    with source, open(path, "xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        os.fchmod(file.fileno(), member.mode & 0o777 | 0o600)
    # Byte code is current only if its source has the time that it was compiled with.
    os.utime(path, (member.mtime, member.mtime))


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"the path `{name}` leaves the layer")
    return parts


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False
