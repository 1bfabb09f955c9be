"""`conda-lock.yml`, version 1: one file for all platforms, and an entry for each package of each.

Source: conda-lock's model of the file, ``conda_lock/lockfile/v1/models.py``.
"""

from __future__ import annotations

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import Node, read_text, read_yaml, refusal
from envcatalog.formats.incoming.conda.draft import CondaReading
from envcatalog.formats.incoming.conda.locked import Pin, add_pins, linux_of, pin_of
from envcatalog.model.draft import Draft, Files, Wanted

MAIN = "main"


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`. Of the categories, `wanted.extras` come along with the main one."""
    root = read_yaml(read_text(data, origin), origin)
    _check(root, origin)
    reading = CondaReading(origin=origin, files=files, wanted=wanted)
    for channel in (root.get("metadata", "channels") or Node(())).items:
        url = channel.get("url")
        text = (url.text if url else channel.text) or ""
        if text:
            reading.channel(text, channel.line)
    entries = (root.get("package") or Node(())).items
    kept = _of_categories(entries, reading)
    platforms = dict.fromkeys(_text(entry, "platform") for entry in kept)
    subdirs = linux_of(platforms, wanted.platforms, origin, kept[0].line if kept else 1)
    for entry in kept:
        if _text(entry, "manager") == "pip" and _text(entry, "platform") in subdirs:
            _pip(entry, reading, subdirs)
    pins = [
        pin for entry in kept if _text(entry, "manager") != "pip" for pin in [_pin(entry, reading)] if pin
    ]
    _hashes(kept, reading)
    add_pins(reading, pins, subdirs)
    return reading.draft()


def _check(root: Node, origin: str) -> None:
    version = root.get("version")
    if version is None or version.text != "1" or root.get("package") is None:
        said = f"`{bare(version.text or version.kind)}`" if version else "missing"
        line = version.line if version else 1
        raise refusal(origin, line, f"`version` is {said}, and conda-lock files of version 1 are read")


def _text(entry: Node, key: str) -> str:
    node = entry.get(key)
    return (node.text if node else None) or ""


def _of_categories(entries: tuple[Node, ...], reading: CondaReading) -> list[Node]:
    """Entries of the main category and of those that are wanted; a note for each of the others."""
    kept, left = [], set()
    for entry in entries:
        category = _text(entry, "category") or MAIN
        if category == MAIN or category in reading.wanted.extras:
            kept.append(entry)
        elif category not in left:
            left.add(category)
            reason = (
                f"the packages of the category `{bare(category)}` are left out; `--extra` brings them along"
            )
            reading.note(entry.line, f"category: {category}", reason)
    for extra in reading.wanted.extras:
        if extra not in {_text(entry, "category") for entry in entries}:
            raise refusal(reading.origin, 0, f"it has no category `{bare(extra)}`")
    return kept


def _pin(entry: Node, reading: CondaReading) -> Pin | None:
    found = pin_of(_text(entry, "url"), entry.line, _text(entry, "platform"))
    if found is None:
        reading.note(entry.line, _text(entry, "name"), "it is no archive of a channel")
    return found


def _pip(entry: Node, reading: CondaReading, subdirs: tuple[str, ...]) -> None:
    name, version, url = _text(entry, "name"), _text(entry, "version"), _text(entry, "url")
    if url.startswith(("git+", "file:")) or not version:
        reading.note(
            entry.line, name, "it is installed from an address; a definition names packages of an index"
        )
    elif _text(entry, "platform") == subdirs[0]:
        reading.requirement(f"{name}=={version}", entry.line)


def _hashes(kept: list[Node], reading: CondaReading) -> None:
    hashed = [entry for entry in kept if entry.get("hash") is not None]
    if hashed:
        reason = "hashes are not in a definition; the lock holds those of the files it chooses"
        reading.note(hashed[0].line, "the hashes of packages", reason, lost=False)
