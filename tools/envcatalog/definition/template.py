"""Definitions and settings as text, for `init` and `new`: commented, and read back to just what went in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from envcatalog.definition.scalars import write_scalar
from envcatalog.model.environment import Base, DebianBase, EnvironmentBase, ImageBase

SCHEMA_LINE = "# yaml-language-server: $schema=../../schemas/environment.schema.json"
SETTINGS_SCHEMA_LINE = "# yaml-language-server: $schema=../schemas/catalog.schema.json"


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
    lines = [SCHEMA_LINE, f"name: {write_scalar(name)}"]
    if description:
        lines.append(f"description: {write_scalar(description)}")
    lines += _list("owners", owners)
    lines += _mapping("tags", tags or {})
    lines += ["", f"base: {_base(base)}"]
    lines += _list("apt", apt)
    if python_version is not None:
        lines += ["python:", f"  version: {json.dumps(python_version)}"]
        if interpreter is not None:
            lines.append(f"  interpreter: {write_scalar(interpreter)}")
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
            f"registry: {write_scalar(registry)}",
        ]
    names = list(aliases)
    if names:
        lines += ["# Names that versions may be given, in the order of promotion.", *_list("aliases", names)]
    return "\n".join(lines) + "\n"


def _base(base: Base) -> str:
    if isinstance(base, DebianBase):
        return f"{{debian: {write_scalar(base.suite)}}}"
    if isinstance(base, ImageBase):
        return f"{{image: {write_scalar(base.image)}}}"
    if isinstance(base, EnvironmentBase):
        return f"{{environment: {write_scalar(base.environment)}}}"
    raise ValueError("a Dockerfile is no base to be written")


def _list(key: str, items: Iterable[str]) -> list[str]:
    written = [write_scalar(item) for item in items]
    if not written:
        return []
    line = f"{key}: [{', '.join(written)}]"
    return (
        [line] if len(line) <= 80 and len(written) < 4 else [f"{key}:", *(f"  - {item}" for item in written)]
    )


def _mapping(key: str, items: Mapping[str, str]) -> list[str]:
    if not items:
        return []
    return [f"{key}:", *(f"  {write_scalar(name)}: {write_scalar(value)}" for name, value in items.items())]
