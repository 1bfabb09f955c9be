"""What came of comparing artefacts with what locks say of them.

What an artefact says, where a lock says something else, is kept so that the next lock is right: a lock keeps what the
last one knew of the same bytes, so a lie in it would be kept, too. What was found to be true is not compared again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile

from envcatalog.lock.entries import known_value, read_known_value
from envcatalog.lock.fields import Block, LockError
from envcatalog.model.lock import Known

_FOLDER = "known"
_TRUE = "known-true"


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


def keep_true(cache: Path, sha256: str, claim: str) -> None:
    """Keep that the verified bytes say what is claimed of them. Raises OSError."""
    folder = cache / _TRUE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _name(sha256, claim)).touch()


def is_true(cache: Path, sha256: str, claim: str) -> bool:
    """Whether this was kept."""
    return (cache / _TRUE / _name(sha256, claim)).exists()


def _name(sha256: str, claim: str) -> str:
    return f"{sha256[:32]}-{hashlib.sha256(f'{sha256} {claim}'.encode()).hexdigest()[:32]}"
