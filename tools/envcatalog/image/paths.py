"""Which paths an image may hold; what is refused here never reaches a layer."""

from __future__ import annotations

import re

from envcatalog.model.errors import Refusal

PATH_MAX = 4095  # bytes, without the final NUL; Linux, limits.h
COMPONENT_MAX = 255

# systemd's units are named `system-systemd\x2dcryptsetup.slice`; any other backslash is a Windows separator.
_BACKSLASH = re.compile(r"\\(?!x[0-9a-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# By such a name a layer deletes what lower ones hold: OCI image specification, "Layer Filesystem Changeset".
_WHITEOUT = ".wh."


def safe_parts(path: str) -> tuple[str, ...]:
    """The components of a relative path that cannot leave the image's root.

    Raises:
        Refusal: absolute, empty, with ``.``, ``..`` or empty components, control characters, Windows
            separators, bytes that are no UTF-8, an OCI whiteout (``.wh.*``), or too long for Linux.
    """
    parts = tuple(path.split("/"))
    reason = _unsafe(path, parts)
    if reason:
        raise Refusal(f"the path `{shown(path)}` {reason}")
    return parts


def _unsafe(path: str, parts: tuple[str, ...]) -> str:
    if not path:
        return "is empty"
    if path.startswith("/"):
        return "is absolute"
    if not {"", ".", ".."}.isdisjoint(parts):
        return "has an empty, `.` or `..` component"
    if _CONTROL.search(path):
        return "has a control character"
    if _BACKSLASH.search(path):
        return "has a backslash"
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    if len(encoded) > PATH_MAX or any(len(part.encode()) > COMPONENT_MAX for part in parts):
        return "is longer than Linux allows"
    if any(part.startswith(_WHITEOUT) for part in parts):
        return "would delete files of other layers"
    return ""


def shown(path: str) -> str:
    """The path as it may stand in a message: no control characters, at most 200 characters."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in path[:200]
    )
