"""What an open registry remembers between pushes of one process."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True, kw_only=True)
class Memory:
    """Where blobs are known to be, so that the next environment mounts what this one uploaded.

    Attributes:
        scratch: where large temporary files go; None for the system's place.
        host: of the registry; None for a folder.
        requests: sent so far, by method.
    """

    scratch: Path | None = None
    host: str | None = None
    requests: Counter[str] = field(default_factory=Counter)
    _seen: dict[str, dict[str, None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def saw(self, digest: str, repository: str) -> None:
        """The repository holds the blob."""
        with self._lock:
            self._seen.setdefault(digest, {})[repository] = None

    def places(self, digest: str) -> tuple[str, ...]:
        """The repositories known to hold it, oldest first."""
        with self._lock:
            return tuple(self._seen.get(digest, ()))

    def forget(self, digest: str, repository: str) -> None:
        """The repository has lost the blob."""
        with self._lock:
            self._seen.get(digest, {}).pop(repository, None)
