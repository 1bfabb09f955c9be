"""What a build found of an artefact that a lock says something else of, kept so that the next lock is right.

A lock keeps what the last one knew of the same bytes. Without this, a lie in it would be kept, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

from envcatalog.lock.entries import known_value, read_known_value
from envcatalog.lock.fields import Block, LockError
from envcatalog.model.lock import Known

_FOLDER = "known"


def keep_proven(cache: Path, sha256: str, known: Known) -> None:
    """Keep what the verified bytes say. Raises OSError."""
    folder = cache / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=folder, prefix=".", delete=False) as out:
        json.dump(known_value(known), out)
    Path(out.name).replace(folder / sha256)


def proven(cache: Path, digests: Iterable[str]) -> dict[str, Known]:
    """sha256 to what was kept."""
    folder = cache / _FOLDER
    if not folder.is_dir():
        return {}
    found: dict[str, Known] = {}
    for sha256 in digests:
        try:
            found[sha256] = read_known_value(Block.root(json.loads((folder / sha256).read_bytes())))
        except (OSError, ValueError, LockError):
            continue
    return found
