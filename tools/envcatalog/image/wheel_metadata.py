"""What a wheel says of itself: its format, RECORD's hashes, the scripts it wants."""

from __future__ import annotations

import configparser
import re

from envcatalog.image.paths import shown
from envcatalog.image.wheel_files import WheelArchive
from envcatalog.model.errors import Refusal

# Only the hash that RECORD itself is written with; any other is computed anew.
_SHA256 = re.compile(r"sha256=[A-Za-z0-9_-]{43}\Z")
# "Entry points" of the PyPA specifications: an object reference, and the name a script may have.
_REFERENCE = re.compile(r"(?P<module>[\w.]+)\s*:\s*(?P<attribute>[\w.]+)\s*(?:\[[^\]]*\]\s*)?\Z")
_SCRIPT = re.compile(r"[^/\\\x00-\x1f\x7f]{1,255}\Z")


def check_format(archive: WheelArchive) -> None:
    """Check the version of the wheel format.

    Raises:
        Refusal: WHEEL or METADATA is missing, or the format is not 1.x.
    """
    version = _field(archive, "WHEEL", "Wheel-Version")
    if not version.startswith("1."):
        raise Refusal(f"`{archive.file}` has the format `{shown(version)}`, and only 1.x is known")
    _field(archive, "METADATA", "Name")


def record_hashes(archive: WheelArchive) -> dict[str, str]:
    """Member name to ``sha256=...``, where RECORD has one and agrees about the size.

    The whole wheel is verified against the lock, so these are copied and not computed again. A name that RECORD
    has and the zip lacks is left out; one that the zip has and RECORD lacks is hashed by the caller, since
    pip installs it.
    """
    from installer.records import InvalidRecordEntry, parse_record_file

    text = archive.text("RECORD")
    if text is None:
        raise Refusal(f"`{archive.file}` has no RECORD")
    found: dict[str, str] = {}
    try:
        for name, value, size in parse_record_file(text.splitlines()):
            member = archive.by_name.get(name)
            if member is not None and size == str(member.size) and _SHA256.match(value):
                found[name] = value
    except (InvalidRecordEntry, ValueError):
        raise Refusal(f"`{archive.file}` has a RECORD that cannot be read") from None
    except Exception as error:
        if type(error).__module__ != "_csv":
            raise
        raise Refusal(f"`{archive.file}` has a RECORD that cannot be read") from None
    return found


def entry_points(archive: WheelArchive) -> dict[str, tuple[str, str]]:
    """Script name to module and attribute, of ``console_scripts`` and ``gui_scripts``.

    Raises:
        Refusal: the file is malformed, or a script's name is a path.
    """
    text = archive.text("entry_points.txt")
    if text is None:
        return {}
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=True, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the names are case-sensitive
    try:
        parser.read_string(text)
    except configparser.Error:
        raise Refusal(f"`{archive.file}` has an `entry_points.txt` that cannot be read") from None
    found = {}
    for group in ("console_scripts", "gui_scripts"):
        for name, value in parser.items(group) if parser.has_section(group) else ():
            reference = _REFERENCE.match(value)
            if not _SCRIPT.match(name) or name in (".", "..") or reference is None:
                raise Refusal(
                    f"`{archive.file}` wants the script `{shown(name)} = {shown(value)}`, which cannot be made"
                )
            found[name] = (reference["module"], reference["attribute"])
    return found


def _field(archive: WheelArchive, file: str, field: str) -> str:
    # Fields come before the first empty line; the description below may hold anything.
    text = archive.text(file)
    if text is None:
        raise Refusal(f"`{archive.file}` has no {file}")
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not line.strip():
            break
        if colon and name.lower() == field.lower():
            return value.strip()
    raise Refusal(f"`{archive.file}` has no `{field}` in its {file}")
