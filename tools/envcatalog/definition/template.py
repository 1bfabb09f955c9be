"""Definitions and settings as text, for `init` and `new`: commented, and read back to just what went in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from envcatalog.definition.scalars import read_plain
from envcatalog.model.environment import Base, DebianBase, ImageBase

SCHEMA_LINE = "# yaml-language-server: $schema=../../schemas/environment.schema.json"
SETTINGS_SCHEMA_LINE = "# yaml-language-server: $schema=../schemas/catalog.schema.json"

# Needs no quotes in any place of a document, flow collections included.
_BARE = re.compile(r"[A-Za-z/][A-Za-z0-9 ()/+._-]*\Z", re.ASCII)


def render(
    name: str,
    *,
    base: Base,
    description: str = "",
    owners: Iterable[str] = (),
    tags: Mapping[str, str] | None = None,
    apt: Iterable[str] = (),
    python_version: str | None = None,
    interpreter: str | None = None,
    packages: Iterable[str] = (),
    variables: Mapping[str, str] | None = None,
    platforms: Iterable[str] = (),
    checks: Iterable[str] = (),
) -> str:
    """Text of an `environment.yaml`. The values are written as they are; the reader is who judges them."""
    lines = [SCHEMA_LINE, f"name: {scalar(name)}"]
    if description:
        lines.append(f"description: {scalar(description)}")
    lines += _list("owners", owners)
    lines += _mapping("tags", tags or {})
    lines += ["", f"base: {_base(base)}"]
    lines += _list("apt", apt)
    if python_version is not None:
        lines += ["python:", f"  version: {json.dumps(python_version)}"]
        if interpreter is not None:
            lines.append(f"  interpreter: {scalar(interpreter)}")
        lines += [f"  {line}" for line in _list("packages", packages)]
    lines += _mapping("variables", variables or {})
    lines += _list("platforms", platforms)
    checks = list(checks)
    if checks:
        lines += [
            "# These must succeed in the image before a version is published.",
            *_list("checks", checks),
        ]
    return "\n".join(lines) + "\n"


def render_settings(*, registry: str | None = None, aliases: Iterable[str] = ()) -> str:
    """Text of a `catalog.yaml`."""
    lines = [SETTINGS_SCHEMA_LINE]
    if registry is not None:
        lines += [
            "# Where images go: HOST[:PORT]/PREFIX, or oci:DIR for a folder.",
            f"registry: {scalar(registry)}",
        ]
    names = list(aliases)
    if names:
        lines += ["# Names that versions may be given, in the order of promotion.", *_list("aliases", names)]
    return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """A string as YAML: bare where every loader reads it as text, otherwise in double quotes."""
    if _BARE.match(text) and not text.endswith(" ") and isinstance(read_plain(text), str):
        return text
    return json.dumps(text, ensure_ascii=False)


def _base(base: Base) -> str:
    if isinstance(base, DebianBase):
        return f"{{debian: {scalar(base.suite)}}}"
    if isinstance(base, ImageBase):
        return f"{{image: {scalar(base.image)}}}"
    return f"{{environment: {scalar(base.environment)}}}"


def _list(key: str, items: Iterable[str]) -> list[str]:
    written = [scalar(item) for item in items]
    if not written:
        return []
    line = f"{key}: [{', '.join(written)}]"
    return (
        [line] if len(line) <= 80 and len(written) < 4 else [f"{key}:", *(f"  - {item}" for item in written)]
    )


def _mapping(key: str, items: Mapping[str, str]) -> list[str]:
    if not items:
        return []
    return [f"{key}:", *(f"  {scalar(name)}: {scalar(value)}" for name, value in items.items())]
