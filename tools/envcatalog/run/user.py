"""Who a command runs as: the image's `USER` looked up in the image's own files, for `inside.py` alone."""

from __future__ import annotations


def find_user(wanted: str) -> tuple[int, int, str]:
    """Numbers and home of ``USER[:GROUP]``, each a name or a number, as engines read them."""
    user, _, group = wanted.partition(":")
    user = user or "0"
    uid, gid, home = (int(user) if user.isdecimal() else -1), 0, "/"
    for fields in _fields("/etc/passwd", 7):
        if user in (fields[0], fields[2]):
            uid, gid, home = int(fields[2]), int(fields[3]), fields[5] or "/"
            break
    else:
        home = "/root" if uid == 0 else "/"
    if uid < 0:
        raise LookupError(f"the image has no user `{user}`")
    if group:
        gid = int(group) if group.isdecimal() else _group(group)
    return uid, gid, home


def _group(name: str) -> int:
    for fields in _fields("/etc/group", 4):
        if fields[0] == name:
            return int(fields[2])
    raise LookupError(f"the image has no group `{name}`")


def _fields(path: str, count: int) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            rows = [line.rstrip("\n").split(":") for line in file]
    except OSError:
        return []
    return [row for row in rows if len(row) == count and row[2].isdecimal()]
