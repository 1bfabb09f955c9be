"""Pieces of TOML 1.0."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z", re.ASCII)
_FORBIDDEN = re.compile("[\x7f\ud800-\udfff]")


def toml_string(text: str) -> str:
    """A basic string. JSON's escapes are TOML's, apart from DEL, which TOML wants escaped."""
    return _FORBIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def toml_key(text: str) -> str:
    """A key, bare where it can be."""
    return text if _BARE.match(text) else toml_string(text)


def toml_list(texts: Iterable[str]) -> str:
    """An array of strings in one line."""
    return f"[{', '.join(map(toml_string, texts))}]"


def toml_inline(values: Mapping[str, str]) -> str:
    """An inline table of values that are TOML already."""
    return f"{{ {', '.join(f'{toml_key(key)} = {value}' for key, value in values.items())} }}"
