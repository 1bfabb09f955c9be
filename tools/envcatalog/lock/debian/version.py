"""Debian's version order as a sort key.

Source: deb-version(7). A tilde sorts before everything, even the end; letters before all other characters;
runs of digits as numbers. A missing revision equals ``0``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_PARTS = re.compile(r"(\D*)(\d*)")
_END = 0

Key = tuple[Any, ...]


@lru_cache(maxsize=65536)
def version_key(version: str) -> Key:
    """Keys compare as the versions do; equal keys are versions that dpkg holds for equal."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, "0"
    return (int(epoch), _part_key(upstream), _part_key(revision or "0"))


def upstream_version(version: str) -> str:
    """Without epoch and revision: ``1:3.11.2-6+deb12u9`` is ``3.11.2``."""
    rest = version.partition(":")[2] or version
    return rest.rpartition("-")[0] or rest


def satisfies(version: str, relation: str, wanted: str) -> bool:
    """Whether `version` stands in `relation` (``<<``, ``<=``, ``=``, ``>=``, ``>>``) to `wanted`."""
    left, right = version_key(version), version_key(wanted)
    if relation in ("<<", "<="):
        return left < right or (relation == "<=" and left == right)
    if relation in (">>", ">="):
        return left > right or (relation == ">=" and left == right)
    return left == right


def _part_key(part: str) -> Key:
    key: list[Any] = []
    for text, digits in _PARTS.findall(part):
        key.append((*(_rank(char) for char in text), _END))
        key.append(int(digits or "0"))
    return tuple(key)


def _rank(char: str) -> int:
    if char == "~":
        return _END - 1
    return ord(char) if char.isalpha() else ord(char) + 256
