"""`conda list --export`, which many call `requirements.txt`: one ``name=version=build`` in each line; and the table
that `conda list` prints, with a package's name, version, build and, where that is not ``defaults``, its channel.

Source: conda's documentation, "conda list". What pip installed stands among the others with a build ``pypi_0``.
"""

from __future__ import annotations

import re

from envcatalog.definition.text.foreign import read_text
from envcatalog.formats.incoming.conda.draft import CondaReading
from envcatalog.formats.incoming.conda.match_spec import SUBDIRS
from envcatalog.formats.incoming.conda.systems import MACOS, WINDOWS, made_on, only_for
from envcatalog.model.draft import Draft, Files, Wanted

_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)")
_BY_PIP = re.compile(r"(?P<name>[^=\s]+)={1,2}(?P<version>[^=\s]+)=(?:pypi_\S*|<pip>)\Z")
_FROM_FOLDER = re.compile(r"\S+=(?:dev_[0-9]+|<develop>)\Z")
_TABLE = "# packages in environment at "
_NAME = re.compile(r"(?:.*::)?([A-Za-z0-9_.-]+)")


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`."""
    reading = CondaReading(origin=origin, files=files, wanted=wanted)
    lines = [line.strip() for line in read_text(data, origin).split("\n")]
    platform = next((match[1] for match in map(_PLATFORM.match, lines) if match), "")
    system = {"win": WINDOWS, "osx": MACOS}.get(platform.partition("-")[0])
    reading.system = system or made_on("", map(_name, lines))
    if platform in SUBDIRS:
        reading.platforms.add(SUBDIRS[platform])
    is_table = any(line.startswith(_TABLE) for line in lines)
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        if is_table:
            line = _row(line, number, reading)
        system = only_for(_name(line))
        by_pip = _BY_PIP.match(line)
        if system:
            reading.note(number, line, f"it is a package for {system}, and images are for Linux")
        elif _FROM_FOLDER.match(line):
            reading.note(number, line, "it is installed from a folder of the machine where the list was made")
        elif by_pip:
            reading.requirement(f"{by_pip['name']}=={by_pip['version']}", number)
        else:
            reading.package(line, number)
    return reading.draft()


def _row(line: str, number: int, reading: CondaReading) -> str:
    """A row of the table as the other form has it, with its channel."""
    words = line.split()
    if len(words) < 2:
        return line
    name, version, build, channel = (*words, "", "")[:4]
    if channel == "pypi" or build.startswith("<"):
        return f"{name}={version}={build}"
    if not channel:
        reading.channel("defaults", number)
    return f"{channel}::{name}={version}={build or '*'}".removeprefix("::")


def _name(line: str) -> str:
    match = _NAME.match(line)
    return match[1].lower() if match else ""
