"""`conda list --export`: lines ``name=version=build``, often kept under the name `requirements.txt`.

Source: conda's documentation, "conda list"; ``conda create --file`` takes such a file. The build ``pypi_0`` marks what
pip installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envcatalog.formats.conda_draft import CondaReading
from envcatalog.formats.conda_systems import made_on, only_for
from envcatalog.formats.requirement_text import logical_lines
from envcatalog.model.draft import Draft, Files, Wanted

_LINE = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._-]*)=([^=\s]+)(?:=([^=\s]+))?\Z")
_PLATFORM = re.compile(r"^#\s*platform:\s*(win|osx)-", re.MULTILINE)
_SYSTEMS = {"win": "Windows", "osx": "macOS"}
_PIP = "pypi_0"


def is_listing(text: str) -> bool:
    """Whether most lines are of this form, which pip does not know."""
    lines = [line for _, line in logical_lines(text)]
    return bool(lines) and 2 * sum(_LINE.match(line) is not None for line in lines) > len(lines)


def read_listing(text: str, origin: str, files: Files, wanted: Wanted) -> Draft:
    """The definition of such a file; see `importing.read_foreign`."""
    reading = CondaReading(origin=origin, files=files, wanted=wanted)
    match = _PLATFORM.search(text)
    reading.system = _SYSTEMS[match[1]] if match else made_on("", _names(text))
    for number, line in logical_lines(text):
        parts = _LINE.match(line)
        if parts is None:
            reading.requirement(line, number)
        elif parts[3] == _PIP:
            reading.requirement(f"{parts[1]}=={parts[2]}", number)
        elif system := only_for(parts[1].lower()):
            reading.note(number, line, f"it is a package for {system}, and images are for Linux")
        else:
            reading.package(line, number)
    return reading.draft()


def _names(text: str) -> Iterator[str]:
    for _, line in logical_lines(text):
        match = _LINE.match(line)
        if match:
            yield match[1].lower()
