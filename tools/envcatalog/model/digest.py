"""SHA-256 digests in the OCI spelling, and the one JSON form that is ever hashed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | bool | None

DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def canonical_json(value: Json) -> bytes:
    """UTF-8 JSON with sorted keys and no white space; floats are refused since their spelling varies."""
    _refuse_floats(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256_digest(data: bytes) -> str:
    """``sha256:<64 hex>`` of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def json_digest(value: Json) -> str:
    """Digest of the canonical JSON form."""
    return sha256_digest(canonical_json(value))


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no canonical form")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)
