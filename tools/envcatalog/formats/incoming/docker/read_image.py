"""An image to a definition: what its configuration says is noted, and stays as it is.

Source: OCI image specification, "Image Configuration".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import refusal
from envcatalog.model.draft import Draft, Note, Wanted
from envcatalog.model.environment import DEFAULT_PLATFORM, PLATFORMS, Environment, ImageBase, Python

_STAYS = "the image says so, and it stays so"
_VERSION = re.compile(r"3\.(?:[89]|[1-9][0-9])(?=\.|\Z)")
MAX_VALUES = 50


def read_image(config: bytes, reference: str, wanted: Wanted, platforms: Sequence[str]) -> Draft:
    """The draft of an image.

    Args:
        config: its configuration for one of its platforms.
        reference: as it goes into `base.image`.
        platforms: all that it is for, such as ``linux/amd64``.

    Raises:
        Refusal: it is for no platform that environments are built for.
    """
    known = tuple(platform for platform in PLATFORMS if platform in platforms)
    if not known:
        raise refusal(
            reference, 0, f"the image is for {', '.join(platforms) or 'no platform'}", "images are for Linux"
        )
    missing = [platform for platform in wanted.platforms if platform not in known]
    if missing:
        raise refusal(reference, 0, f"the image is not for `{missing[0]}`")
    told = _told(config)
    managed = wanted.managed or "user"
    python = _python(told, wanted) if managed == "system" else None
    notes = list(_notes(told, reference))
    if wanted.base is not None:
        notes.insert(0, _note(reference, "base", "the image itself is the base", lost=True))
    environment = Environment(
        name=wanted.name,
        description=wanted.description,
        base=ImageBase(image=reference),
        managed=managed,
        python=python,
        platforms=wanted.platforms or (DEFAULT_PLATFORM if DEFAULT_PLATFORM in known else known[0],),
    )
    return Draft(environment=environment, notes=tuple(notes), places={reference: (reference, 0)})


def _told(config: bytes) -> dict[str, Any]:
    try:
        value = json.loads(config)
    except (ValueError, RecursionError):
        return {}
    told = value.get("config") if isinstance(value, dict) else None
    return told if isinstance(told, dict) else {}


def _python(told: dict[str, Any], wanted: Wanted) -> Python | None:
    """The version that was asked for, or the one that Python's own images name in a variable."""
    match = _VERSION.match(_variables(told).get("PYTHON_VERSION", ""))
    version = wanted.python or (match[0] if match else None)
    return Python(version=version) if version else None


def _variables(told: dict[str, Any]) -> dict[str, str]:
    items = told.get("Env")
    pairs = (
        (item.partition("=") for item in items if isinstance(item, str)) if isinstance(items, list) else ()
    )
    return {name: value for name, _, value in pairs}


def _notes(told: dict[str, Any], reference: str) -> Iterator[Note]:
    for name in list(_variables(told))[:MAX_VALUES]:  # not their values, which may be secrets
        yield _note(reference, f"variable {name}", _STAYS)
    ports = told.get("ExposedPorts")
    for port in list(ports)[:MAX_VALUES] if isinstance(ports, dict) else ():
        yield _note(reference, f"port {port}", _STAYS)
    for key, text in (
        ("User", "user"),
        ("WorkingDir", "workdir"),
        ("Entrypoint", "entrypoint"),
        ("Cmd", "command"),
    ):
        said = told.get(key)
        if said:
            shown = said if isinstance(said, str) else json.dumps(said)
            yield _note(reference, f"{text} {shown}", _STAYS)


def _note(reference: str, text: str, reason: str, *, lost: bool = False) -> Note:
    return Note(file=reference, line=0, text=bare(text, 160), reason=reason, lost=lost)
