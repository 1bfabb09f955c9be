"""Files of a catalog on disk, each written in one step."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from envcatalog.model.errors import UserError


def write_file(path: Path, data: bytes, *, keep_mode: bool = True) -> None:
    """Replace a file in one step; a kill leaves the old one. A link is replaced, not followed.

    Args:
        keep_mode: of the old file; else the new one's is as the umask says.

    Raises:
        UserError: the folder takes no file.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        # The system itself applies the umask: to read it is to change it for a moment, also for other threads.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise UserError(f"`{path}` cannot be written: {(error.strerror or '').lower()}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if keep_mode and path.is_file() and not path.is_symlink():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode) & 0o777)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
