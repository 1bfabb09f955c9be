"""`conda list --explicit`, and what conda-lock renders in that format: one archive's address in each line.

Source: conda's documentation, "Building identical conda environments". conda-lock adds comments ``# pip NAME @ URL``.
"""

from __future__ import annotations

import re

from envcatalog.definition.text.foreign import read_text, refusal
from envcatalog.formats.incoming.conda.draft import CondaReading
from envcatalog.formats.incoming.conda.locked import Pin, add_pins, linux_of, pin_of, wheel_of
from envcatalog.model.draft import Draft, Files, Wanted

_PIP = re.compile(r"#\s*pip\s+(?P<name>[^\s@]+)\s*@\s*(?P<url>\S+)")
_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)")
_HASH = re.compile(r"#(?:sha256:)?[0-9a-fA-F]{32,64}\s*\Z")


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`."""
    reading = CondaReading(origin=origin, files=files, wanted=wanted)
    pins: list[Pin] = []
    platform, begun, hashed = "", False, 0
    for number, line in enumerate(read_text(data, origin).split("\n"), 1):
        text = line.strip()
        if match := _PLATFORM.match(text):
            platform = match[1]
        if text == "@EXPLICIT":
            begun = True
        elif text.startswith("#"):
            _comment(text, number, reading)
        elif text:
            pin = pin_of(text, number)
            if pin is None:
                reading.note(number, text, "it is no address of a package in a channel")
            else:
                pins.append(pin)
                hashed = hashed or (number if _HASH.search(text) else 0)
    if not begun:
        raise refusal(origin, 0, "it has no line `@EXPLICIT`", "write it with `conda list --explicit`")
    subdirs = linux_of(
        dict.fromkeys([pin.subdir for pin in pins] + [platform] * bool(platform)),
        wanted.platforms,
        origin,
        pins[0].line if pins else 0,
    )
    if hashed:
        reason = "hashes are not in a definition; the lock holds those of the files it chooses"
        reading.note(hashed, "the hashes of packages", reason, lost=False)
    add_pins(reading, pins, subdirs)
    return reading.draft()


def _comment(text: str, number: int, reading: CondaReading) -> None:
    match = _PIP.match(text)
    if match is None:
        return
    wheel = wheel_of(match["url"])
    if wheel is None:
        reading.note(number, text, "it is installed from an address; a definition names packages of an index")
    else:
        reading.requirement(f"{match['name']}=={wheel[1]}", number)
