"""Files of one folder of a catalog, at a commit or in the work tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MODE_FILE, MODE_PROGRAM, MODE_LINK, MODE_SUBMODULE = "100644", "100755", "120000", "160000"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFile:
    """One file.

    Attributes:
        path: relative to the folder, with ``/``.
        mode: as Git writes it: one of the constants of this module, or what else it may be.
        read: its bytes, or a symbolic link's target; Refusal where it is too large or cannot be read.
    """

    path: str
    mode: str
    read: Callable[[], bytes] = field(repr=False, compare=False)
