"""Description and aliases of a definition without reading all of it, for `list` over ten thousand of them.

Only a text of which every line is whole in itself is skimmed: no quotes, braces or brackets are left open at a line's
end, and there are no block scalars, tags, anchors or escapes. There, what stands at the left edge is a key of the whole
file for certain. Of any other text nothing is said, and the caller takes the full reader. The property tests hold the
two against each other. A definition with a problem elsewhere is skimmed like a sound one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from envcatalog.definition.source import UNSEEN
from envcatalog.definition.text.scalars import read_plain

_LARGEST = 16 * 1024
_INSIDE = r"""(?>[^\n"'{}\[\]\#&*!|>%@`]++|"[^"\\\n]*+"|[<>=~]=?)*+"""
_VALUE = rf"""(?>"[^"\\\n]*+"|\{{{_INSIDE}\}}|\[{_INSIDE}\]|[A-Za-z0-9/.<>=~][^\n"'{{}}\[\]\#:&*!|%@`]*+)"""
# A key and its value, an entry of a list, a comment, nothing; `- key: value` is not among them on purpose.
_LINE = rf"""(?>\ *+(?>[A-Za-z0-9_.-]++:(?>\ {_VALUE})?|-\ {_VALUE})?\ *+(?>(?<!\S)\#[^\n]*+)?\n)"""
_WHOLE = re.compile(rf"(?:{_LINE})*+\Z", re.VERBOSE)
_KEY = re.compile(
    r"^([A-Za-z0-9_.-]+):(?: ([^\n]*?))?(?: +#[^\n]*)?\n((?:[ #][^\n]*\n|\n|-[^\n]*\n)*)", re.MULTILINE
)
_PAIR = re.compile(r"([a-z0-9][a-z0-9._-]*): ([1-9][0-9]{0,8})\Z")
_KNOWN = frozenset(
    (
        *("name", "description", "owners", "tags", "aliases"),
        *("base", "apt", "python", "variables", "container", "inference", "platforms", "checks"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skimmed:
    """What `list` shows of a definition that is neither deprecated nor archived."""

    description: str
    aliases: tuple[tuple[str, int], ...]


def skim(data: bytes) -> Skimmed | None:
    """What the full reader would say of a sound definition; None where only that can tell."""
    if len(data) > _LARGEST or not data.endswith(b"\n"):
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    if UNSEEN.search(text) or "\t" in text or not _WHOLE.match(text):
        return None
    keys: dict[str, tuple[str, str]] = {}
    for key, value, below in _KEY.findall(text):
        if key in keys or key not in _KNOWN:
            return None
        keys[key] = (value, below)
    if "name" not in keys:  # every definition has one; elsewhere the keys may all be indented
        return None
    description = _description(*keys.get("description", ("", "")))
    aliases = _aliases(*keys.get("aliases", ("", "")))
    if description is None or aliases is None or ("aliases" in keys and not aliases):
        return None
    return Skimmed(description=description, aliases=aliases)


def _description(value: str, below: str) -> str | None:
    if not _is_empty(below):
        return None
    if value.startswith('"'):
        return value[1:-1].strip()
    plain = value.strip()
    return plain if not plain or isinstance(read_plain(plain), str) else None


def _aliases(value: str, below: str) -> tuple[tuple[str, int], ...] | None:
    if value:
        if not (value.startswith("{") and value.endswith("}")) or not _is_empty(below):
            return None
        pairs = [part.strip() for part in value[1:-1].split(",")]
    else:
        pairs = [line.strip() for line in below.split("\n") if line.strip()]
    found: dict[str, int] = {}
    for pair in pairs:
        match = _PAIR.match(pair)
        if match is None or match[1] in found:
            return None
        found[match[1]] = int(match[2])
    return tuple(sorted(found.items()))


def _is_empty(below: str) -> bool:
    """Whether nothing but comments and blank lines comes before the next key: no second line of a value."""
    return all(not line.strip() or line.lstrip().startswith("#") for line in below.split("\n"))
