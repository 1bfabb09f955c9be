"""Files claimed by two packages of one image.

An overlay lets the upper layer's file win and says nothing, and pip overwrites as silently. Here it is an
error that names both packages, unless the two are the same: many packages share an empty ``__init__.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from envcatalog.image.paths import shown
from envcatalog.image.tar import Entry
from envcatalog.model.errors import Refusal

_SITE_PACKAGES = re.compile(r"opt/env/lib/python[0-9.]+/site-packages/")
# Spark's jars are a layer of their own beside its modules, and a definition's jars are others: told by file.
_JARS = "pyspark/jars/"
_CACHE = "__pycache__"  # a module of one file claims its own name, and with it its byte code
_CONTENT = frozenset({"file", "hardlink"})


def check_conflicts(environment: str, layers: Iterable[tuple[str, Iterable[Entry]]]) -> None:
    """Compare the layers of one image.

    Args:
        layers: each one's title, which stands for an entry that does not name its owner, and its entries.

    Raises:
        Refusal: two layers hold different things at one path.
    """
    seen: dict[str, tuple[str, Entry]] = {}
    for title, entries in layers:
        for entry in entries:
            other_title, other = seen.setdefault(entry.path, (title, entry))
            if other is entry or _same(entry, other):
                continue
            raise Refusal(
                f"`{other.owner or other_title}` and `{entry.owner or title}` both hold"
                f" `{shown(entry.path)}`, with different contents, in `{environment}`",
                "remove one of the two packages, or take another version of one",
            )


def claims_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    """A layer's claims, sorted; see `model.image.Layer`. They are published, so that a machine without the layer
    can tell that a new one does not meet it."""
    claims = set()
    for entry in entries:
        if entry.kind == "directory" or not entry.path.startswith("opt/env/"):
            continue
        inside = _SITE_PACKAGES.sub("", entry.path)
        is_whole = inside == entry.path or inside.startswith(_JARS)
        claims.add(inside if is_whole else inside.partition("/")[0])
    return tuple(sorted(claims - {_CACHE}))


def meeting(claims: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Those of the layers, by key, whose claims meet another one's."""
    holders: dict[str, set[str]] = {}
    for key, claimed in claims.items():
        for claim in claimed:
            holders.setdefault(claim, set()).add(key)
    return frozenset(key for keys in holders.values() if len(keys) > 1 for key in keys)


def _same(one: Entry, other: Entry) -> bool:
    if one.kind == "directory" or other.kind == "directory":
        return one.kind == other.kind
    if one.kind != other.kind and not {one.kind, other.kind} <= _CONTENT:
        return False
    return one.content == other.content != ""
