"""Files that are whole or absent: written beside their place, flushed to the disk, then renamed into it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from envcatalog.model.errors import UserError

TEMPORARY = ".envcatalog-"
LOCK_SECONDS = 60.0
CHUNK = 1 << 20


def write_whole(path: Path, source: bytes | Path, *, digest: str | None = None) -> None:
    """Put the bytes at `path`, in one step.

    Raises:
        UserError: the bytes are not those of `digest`; nothing is left behind.
        OSError: the folder cannot be written.
    """
    # The mode is left to the umask, so that a shared folder stays readable for those who share it.
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        with temporary.open("xb", buffering=0) as target:
            found = _copy(source, target.fileno())
            if digest is not None and found != digest:
                raise UserError(f"the bytes for `{digest}` are those of `{found}`", "build the image again")
            os.fsync(target.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _copy(source: bytes | Path, target: int) -> str:
    state = hashlib.sha256()
    if isinstance(source, bytes):
        state.update(source)
        _write_all(target, source)
    else:
        with source.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                state.update(chunk)
                _write_all(target, chunk)
    return "sha256:" + state.hexdigest()


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


def sync_folder(folder: Path) -> None:
    """Make renames in the folder outlive a power cut, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(folder: Path, *, older: float) -> None:
    """Remove what killed writers left in the folder more than `older` seconds ago."""
    limit = time.time() - older
    with contextlib.suppress(OSError):
        for path in folder.glob(TEMPORARY + "*"):
            if path.stat().st_mtime < limit:
                path.unlink()


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file against other processes and threads; however a process ends, it gives the lock back.

    Raises:
        UserError: somebody holds it for a minute.
    """
    with path.open("ab") as handle:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _try_lock(handle.fileno()):
            if time.monotonic() > deadline:
                raise UserError(
                    f"`{path}` is locked by another process", "wait for it to end, then run the command again"
                )
            time.sleep(0.01)
        yield


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
