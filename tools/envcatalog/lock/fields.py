"""Checked access to the fields of a lock: every getter returns a safe value or raises."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from envcatalog.model.digest import DIGEST
from envcatalog.model.names import is_name

MAX_FILE = 64 * 1024**3  # bytes; no index serves a larger file
MAX_ENTRIES = 20_000
MAX_TEXT = 512

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_PYTHON = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}((a|b|rc)[0-9]{1,3})?\Z")
# Debian policy, 5.6.1 (package names) and 5.6.12 (versions).
_DEB_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+\Z")
_DEB_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~:-]*\Z")
# No segment begins with a dot, so neither `..` nor a hidden file can be named; without `%` nothing is decoded
# later.
_DEB_PATH = re.compile(r"(?:[0-9A-Za-z_+~][0-9A-Za-z._+~-]*/)+[0-9A-Za-z][0-9A-Za-z._+~-]*\.deb\Z")
# PEP 503 (normalised names), PEP 440 (versions), and the wheel file name convention of the packaging guide.
_WHEEL_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_WHEEL_VERSION = re.compile(r"[0-9a-z][0-9a-z.!+]*\Z")
_WHEEL_FILE = re.compile(
    r"([0-9A-Za-z_.]+)-([0-9A-Za-z_.!+]+)(-[0-9][0-9A-Za-z_.]*)?(-[0-9A-Za-z_.]+){3}\.whl\Z"
)
# Conda's naming conventions (CEP 26); `!` is an epoch, `+` a local version.
_CONDA_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*\Z")
_CONDA_PART = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.!+]*\Z")
_FILE_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._+-]*\Z")
_FILE_PATH = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._+:-]*(?:/[0-9A-Za-z_][0-9A-Za-z._+-]*)*\Z")
_FILE_SOURCE = re.compile(r"(?:index|maven):[a-z0-9]+(?:[._-][a-z0-9]+)*\Z|folder\Z")
_SEPARATORS = re.compile(r"[-_.]+")


class LockError(Exception):
    """A field that is not as it must be; `field` is its place, ``platforms.linux/amd64.wheels[3].file``."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Block:
    """A JSON object and its place in the file."""

    __slots__ = ("_place", "_values")

    def __init__(self, values: Mapping[str, object], place: str) -> None:
        self._values = values
        self._place = place

    @classmethod
    def root(cls, value: object) -> Block:
        """The whole file."""
        return cls(_mapping(value, ""), "")

    def names(self) -> list[str]:
        """The keys, sorted."""
        return sorted(self._values)

    def only(self, *keys: str, optional: Sequence[str] = ()) -> None:
        """Exactly these keys, and perhaps the optional ones."""
        self.only_some(*keys, *optional)
        for key in keys:
            if key not in self._values:
                raise LockError(self._at(key), "it is missing")

    def only_some(self, *keys: str) -> None:
        """These keys and no others."""
        for key in self._values:
            if key not in keys:
                raise LockError(self._place, f"the key {quoted(key)} is unknown")

    def is_null(self, key: str) -> bool:
        """Whether the value is null."""
        return self._values.get(key) is None

    def block(self, key: str) -> Block:
        """A nested object."""
        return Block(_mapping(self._values.get(key), self._at(key)), self._at(key))

    def blocks(self, key: str) -> list[Block]:
        """A list of objects."""
        value = self._values.get(key)
        if not isinstance(value, list):
            raise LockError(self._at(key), "it is not a list")
        if len(value) > MAX_ENTRIES:
            raise LockError(self._at(key), f"it has more than {MAX_ENTRIES} entries")
        places = (f"{self._at(key)}[{number}]" for number in range(len(value)))
        return [Block(_mapping(item, place), place) for item, place in zip(value, places, strict=False)]

    def increasing(self, key: str, names: Sequence[str]) -> None:
        """The names of a list's entries are sorted and none comes twice."""
        for number, (before, after) in enumerate(pairwise(names), start=1):
            if before >= after:
                reason = "it is there twice" if before == after else f"it must not come after `{before}`"
                raise LockError(f"{self._at(key)}[{number}].name", reason)

    def integer(self, key: str, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self._values.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise LockError(self._at(key), "it is not a whole number")
        if not least <= value <= most:
            raise LockError(self._at(key), f"it is not between {least} and {most}")
        return value

    def text(self, key: str) -> str:
        """A string of at most 512 characters."""
        value = self._values.get(key)
        if not isinstance(value, str):
            raise LockError(self._at(key), "it is not a string")
        if len(value) > MAX_TEXT:
            raise LockError(self._at(key), f"it is longer than {MAX_TEXT} characters")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings of visible characters."""
        value = self._values.get(key)
        if not isinstance(value, list):
            raise LockError(self._at(key), "it is not a list")
        if len(value) > MAX_ENTRIES:
            raise LockError(self._at(key), f"it has more than {MAX_ENTRIES} entries")
        items = Block({str(number): item for number, item in enumerate(value)}, self._at(key))
        return tuple(items.printable(str(number)) for number in range(len(value)))

    def printable(self, key: str) -> str:
        """A string of visible characters (and spaces) that is not empty and is no option."""
        value = self.text(key)
        if not value.isprintable() or not value.strip() or value.startswith("-"):
            raise LockError(self._at(key), f"{quoted(value)} is not allowed")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of the given strings."""
        value = self.text(key)
        if value not in allowed:
            raise LockError(
                self._at(key), f"{quoted(value)} is none of " + ", ".join(f"`{a}`" for a in allowed)
            )
        return value

    def name(self, key: str) -> str:
        """An environment's or index' name."""
        value = self.text(key)
        if not is_name(value):
            raise LockError(self._at(key), f"{quoted(value)} is not a name")
        return value

    def size(self, key: str) -> int:
        """A file's size in bytes."""
        return self.integer(key, 1, MAX_FILE)

    def digest(self, key: str) -> str:
        """``sha256:`` and 64 hexadecimal digits."""
        return self._matching(key, DIGEST, "a digest `sha256:<64 hexadecimal digits>`")

    def sha256(self, key: str) -> str:
        """64 hexadecimal digits."""
        return self._matching(key, _SHA256, "64 hexadecimal digits")

    def python_version(self, key: str) -> str:
        """A full version of Python."""
        return self._matching(key, _PYTHON, "a full version such as `3.11.2`")

    def deb_name(self, key: str) -> str:
        """A Debian package's name."""
        return self._matching(key, _DEB_NAME, "a Debian package name")

    def deb_version(self, key: str) -> str:
        """A Debian version."""
        return self._matching(key, _DEB_VERSION, "a Debian version")

    def deb_path(self, key: str) -> str:
        """A path below an archive's root."""
        return self._matching(
            key, _DEB_PATH, "a path below an archive such as `pool/main/z/zlib/zlib1g_1_amd64.deb`"
        )

    def wheel_name(self, key: str) -> str:
        """A normalised project name."""
        return self._matching(key, _WHEEL_NAME, "a normalised project name")

    def wheel_version(self, key: str) -> str:
        """A normalised version."""
        return self._matching(key, _WHEEL_VERSION, "a version")

    def wheel_file(self, key: str, name: str) -> str:
        """A wheel's file name, of the given project."""
        value = self._matching(key, _WHEEL_FILE, "a wheel's file name")
        project = _SEPARATORS.sub("-", value.partition("-")[0]).lower()
        if project != name:
            raise LockError(self._at(key), f"`{value}` is not a wheel of `{name}`")
        return value

    def conda_name(self, key: str) -> str:
        """A conda package's name."""
        return self._matching(key, _CONDA_NAME, "a conda package name")

    def conda_part(self, key: str) -> str:
        """A conda version or build string."""
        return self._matching(key, _CONDA_PART, "a conda version or build")

    def file_path(self, key: str) -> str:
        """A name, Maven coordinate or path below a folder; no part begins with a dot."""
        return self._matching(key, _FILE_PATH, "a name or a path below the environment's folder")

    def file_name(self, key: str) -> str:
        """A file's own name."""
        return self._matching(key, _FILE_NAME, "a file name")

    def file_source(self, key: str) -> str:
        """Where a file comes from."""
        return self._matching(key, _FILE_SOURCE, "`index:NAME`, `maven:NAME` or `folder`")

    def _matching(self, key: str, pattern: re.Pattern[str], what: str) -> str:
        value = self.text(key)
        if pattern.match(value) is None:
            raise LockError(self._at(key), f"{quoted(value)} is not {what}")
        return value

    def _at(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key


def quoted(text: str) -> str:
    """The text in backticks, cut and with everything invisible escaped, so that it is safe on a terminal."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return "`" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short.replace("`", "'")) + "`"


def _mapping(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise LockError(place, "it is not an object")
    return value
