"""Files claimed by two packages of one image.

An overlay lets the upper layer's file win and says nothing, and pip overwrites as silently. Here it is an
error that names both packages, unless the two are the same: many packages share an empty ``__init__.py``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from envcatalog.image.conda.scripts import unrun_script
from envcatalog.image.paths import shown
from envcatalog.image.tar import Entry
from envcatalog.model.errors import Refusal

_SITE_PACKAGES = re.compile(r"opt/env/lib/python[0-9.]+/site-packages/")
# Spark's jars are a layer of their own beside its modules, and a definition's jars are others: told by file.
_JARS = "pyspark/jars/"
_CACHE = "__pycache__"  # a module of one file claims its own name, and with it its byte code
CLAIMS_MAX = 256  # of a layer of conda packages, those of its modules not counted
_RECORDS = "opt/env/conda-meta/"
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
    claims.discard(_CACHE)
    is_conda = any(claim.startswith(_RECORDS) for claim in claims)
    return tuple(sorted(_folded(claims) if is_conda else claims))


def meeting(claims: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Those of the layers, by key, whose claims meet another one's."""
    holders: dict[str, set[str]] = {}
    for key, claimed in claims.items():
        for claim in claimed:
            holders.setdefault(claim, set()).add(key)
    found = {key for keys in holders.values() if len(keys) > 1 for key in keys}
    for claim, keys in holders.items():
        for folder in _folders(claim):
            both = keys | holders.get(folder, set())
            if len(both) > 1 and folder in holders:
                found |= both
    return frozenset(found)


def _folded(claims: set[str]) -> set[str]:
    """Claims of a layer of conda packages, of which a thousand files are not rare: a manifest has limits. A claim
    that ends with a slash is all below that folder; those with the most files are taken first."""
    told = {claim for claim in claims if unrun_script(claim)}
    claims = claims - told
    for depth in (4, 3):  # lib/python3.11/, include/openssl/; then bin/, include/
        counts = Counter(
            "/".join(claim.split("/")[:depth]) + "/" for claim in claims if claim.count("/") >= depth
        )
        for folder, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
            if len(claims) <= CLAIMS_MAX:
                break
            claims = {claim for claim in claims if not claim.startswith(folder)} | {folder}
    return claims | told


def _folders(claim: str) -> Iterator[str]:
    while (claim := claim.rstrip("/").rpartition("/")[0]) and claim != "opt":
        yield claim + "/"


def _same(one: Entry, other: Entry) -> bool:
    if one.kind == "directory" or other.kind == "directory":
        return one.kind == other.kind
    if one.kind != other.kind and not {one.kind, other.kind} <= _CONTENT:
        return False
    return one.content == other.content != ""
