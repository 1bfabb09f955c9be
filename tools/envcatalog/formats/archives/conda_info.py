"""What a conda package says of itself: the files below ``info/``, as values.

Sources: conda's "Package specification" and "Package metadata files" for `index.json`, `paths.json`, `link.json`, and
the older `files`, `has_prefix` and `no_link`. Nothing in them is believed before it was looked at.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

PathKind = Literal["file", "softlink", "directory"]
FileMode = Literal["text", "binary"]
Noarch = Literal["", "python", "generic"]

# The placeholder of packages so old that they do not name theirs (conda-build's documentation, "has_prefix").
OLD_PLACEHOLDER = "/opt/anaconda1anaconda2" + "anaconda3"

_KINDS: dict[str, PathKind] = {"hardlink": "file", "softlink": "softlink", "directory": "directory"}
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
# "Entry points" of the PyPA specifications; the names go into a program, so they are names and nothing else.
_ENTRY_POINT = re.compile(
    r"\s*(?P<name>[\w][\w.+-]*)\s*=\s*(?P<module>\w+(\.\w+)*)\s*:\s*(?P<call>\w+(\.\w+)*)\s*\Z"
)


class BadConda(Exception):
    """The file is no conda package, or one that no honest tool would have made."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class PathEntry:
    """A file that is to be installed.

    Attributes:
        path: inside the package, not yet checked; the archive's own names are.
        placeholder: the prefix that its content holds; empty for none.
        sha256: of the content in the package, hex; empty where it does not say.
        size: bytes, likewise; None where it does not say.
    """

    path: str
    kind: PathKind = "file"
    placeholder: str = ""
    mode: FileMode = "text"
    sha256: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """A program ``name`` that calls ``module:call``."""

    name: str
    module: str
    call: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaInfo:
    """What is below ``info/``.

    Attributes:
        index: `index.json`.
        about: `about.json`; empty where there is none.
        paths: in the order of the package.
        noarch: ``python``: modules are below ``site-packages/``, programs below ``python-scripts/``.
    """

    index: Mapping[str, Any]
    about: Mapping[str, Any]
    paths: tuple[PathEntry, ...]
    noarch: Noarch = ""
    entry_points: tuple[EntryPoint, ...] = ()


def parse_info(files: Mapping[str, bytes]) -> CondaInfo:
    """The values of the files below ``info/``, by their names without it.

    Raises:
        BadConda: a file is missing or malformed, or names a path twice.
    """
    index = _object(files, "index.json", required=True)
    for field in ("name", "version", "build"):
        if not isinstance(index.get(field), str):
            raise BadConda(f"`info/index.json` has no `{field}`")
    paths = parse_paths(files["paths.json"]) if "paths.json" in files else _old_paths(files)
    names = [entry.path for entry in paths]
    if len(set(names)) != len(names):
        raise BadConda("the package's list of files names one path twice")
    noarch, points = _link(files, index)
    return CondaInfo(
        index=index, about=_object(files, "about.json"), paths=paths, noarch=noarch, entry_points=points
    )


def parse_license(data: bytes) -> str:
    """What `index.json` says of the licence; empty for nothing. Raises BadConda: it is malformed."""
    said = _object({"index.json": data}, "index.json").get("license")
    return said if isinstance(said, str) else ""


def parse_paths(data: bytes) -> tuple[PathEntry, ...]:
    """The entries of `paths.json`. Raises BadConda: it is malformed."""
    value = _object({"paths.json": data}, "paths.json", required=True)
    entries = value.get("paths")
    if value.get("paths_version") != 1 or not isinstance(entries, list):
        raise BadConda("`info/paths.json` is not of version 1")
    return tuple(_path(entry) for entry in entries)


def _path(entry: object) -> PathEntry:
    value = entry if isinstance(entry, dict) else {}
    path, kind = value.get("_path"), value.get("path_type")
    placeholder = value.get("prefix_placeholder") or ""
    mode, sha256, size = value.get("file_mode") or "text", value.get("sha256"), value.get("size_in_bytes")
    if not isinstance(path, str) or not isinstance(placeholder, str) or kind not in _KINDS:
        raise BadConda("`info/paths.json` has a malformed entry")
    if mode not in ("text", "binary"):
        raise BadConda("`info/paths.json` has a malformed entry")
    return PathEntry(
        path=path,
        kind=_KINDS[kind],
        placeholder=placeholder,
        mode=cast(FileMode, mode),
        sha256=sha256 if isinstance(sha256, str) and _SHA256.match(sha256) else "",
        size=size if type(size) is int and size >= 0 else None,
    )


def _old_paths(files: Mapping[str, bytes]) -> tuple[PathEntry, ...]:
    if "files" not in files:
        raise BadConda("the package has neither `info/paths.json` nor `info/files`")
    prefixes = dict(_has_prefix(line) for line in _lines(files, "has_prefix"))
    return tuple(
        PathEntry(path=name, placeholder=prefixes[name][0], mode=prefixes[name][1])
        if name in prefixes
        else PathEntry(path=name)
        for name in _lines(files, "files")
    )


def _has_prefix(line: str) -> tuple[str, tuple[str, FileMode]]:
    """``path``, or ``placeholder mode path``, quoted as a shell's words are."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = []
    if len(words) == 1:
        return words[0], (OLD_PLACEHOLDER, "text")
    if len(words) == 3 and words[0] and words[1] in ("text", "binary"):
        return words[2], (words[0], cast(FileMode, words[1]))
    raise BadConda("`info/has_prefix` has a malformed line")


def _link(files: Mapping[str, bytes], index: Mapping[str, Any]) -> tuple[Noarch, tuple[EntryPoint, ...]]:
    # `index.json` says it twice over, and very old packages say `true` where they mean `generic`.
    said = index.get("noarch")
    link = _object(files, "link.json").get("noarch")
    link = link if isinstance(link, dict) else {}
    if said == "python" or link.get("type") == "python":
        points = link.get("entry_points") or []
        if not isinstance(points, list):
            raise BadConda("`info/link.json` has malformed entry points")
        return "python", tuple(_entry_point(point) for point in points)
    return ("generic" if said else ""), ()


def _entry_point(text: object) -> EntryPoint:
    found = _ENTRY_POINT.match(text) if isinstance(text, str) else None
    if found is None:
        raise BadConda(f"the package wants the entry point `{shown(text)}`, which cannot be made")
    return EntryPoint(name=found["name"], module=found["module"], call=found["call"])


def _lines(files: Mapping[str, bytes], name: str) -> list[str]:
    try:
        text = files.get(name, b"").decode()
    except UnicodeDecodeError:
        raise BadConda(f"`info/{name}` is not UTF-8") from None
    return [line.strip() for line in text.split("\n") if line.strip()]


def _object(files: Mapping[str, bytes], name: str, *, required: bool = False) -> dict[str, Any]:
    if name not in files:
        if required:
            raise BadConda(f"the package has no `info/{name}`")
        return {}
    try:
        value = json.loads(files[name])
        if _SURROGATE.search(files[name]):
            json.dumps(value, ensure_ascii=False).encode()  # halves of characters, which are in no file name
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadConda(f"`info/{name}` cannot be read")
    return value


def shown(text: object) -> str:
    """What a package says, as it may stand in a message."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)[:200]
    )
