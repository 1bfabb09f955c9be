"""Which names and links a conda package may hold, so that whoever writes them down stays in one folder."""

from __future__ import annotations

import posixpath

from envcatalog.formats.archives.conda_info import BadConda, shown

NAME_LIMIT, COMPONENT_LIMIT = 4095, 255  # bytes; Linux, limits.h


class Names:
    """The names so far. A name is never reached through a link, nor there twice."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self._folders: set[str] = set()

    def add(self, path: str, kind: str) -> None:
        """A file or link. Raises BadConda."""
        if path in self.kinds or path in self._folders:
            raise BadConda(f"`{shown(path)}` is there twice")
        self._enter(path)
        self.kinds[path] = kind

    def folder(self, path: str) -> None:
        """A folder; it may be named again. Raises BadConda."""
        if path in self.kinds:
            raise BadConda(f"`{shown(path)}` is there twice")
        self._enter(path)
        self._folders.add(path)

    def check_target(self, path: str, target: str) -> None:
        """Whether a symbolic link stays in the prefix. Raises BadConda."""
        there = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        is_outside = target.startswith("/") or there == ".." or there.startswith("../")
        if not target or is_outside or not target.isprintable() or len(target) > NAME_LIMIT:
            raise BadConda(f"`{shown(path)}` is a link to `{shown(target)}`, which is outside of the prefix")

    def _enter(self, path: str) -> None:
        reason = _unsafe(path)
        if reason:
            raise BadConda(f"the name `{shown(path)}` {reason}")
        folder = posixpath.dirname(path)
        while folder and folder not in self._folders:
            if folder in self.kinds:
                raise BadConda(f"`{shown(path)}` lies below `{shown(folder)}`, which is no folder")
            self._folders.add(folder)
            folder = posixpath.dirname(folder)


def _unsafe(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/"):
        return "is absolute"
    if not {"", ".", ".."}.isdisjoint(parts):
        return "has an empty, `.` or `..` component"
    if any(char < " " or char == "\x7f" for char in path):
        return "has a control character"
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    if len(encoded) > NAME_LIMIT or any(len(part.encode()) > COMPONENT_LIMIT for part in parts):
        return "is longer than Linux allows"
    return ""
