"""A conda environment that is installed: what its user asked for, by the history; all of it where that says nothing.

Source: conda's ``core/prefix_data.py`` and ``history.py``. What pip installed beside it is found by its dist-info.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import read_text, refusal
from envcatalog.formats.incoming.conda.draft import CondaReading
from envcatalog.formats.incoming.conda.locked import Pin, add_pins, linux_of
from envcatalog.formats.incoming.conda.match_spec import SUBDIRS, Misfit, Spec, read_match_spec
from envcatalog.formats.incoming.conda.systems import MACOS, WINDOWS
from envcatalog.model.draft import Draft, Files, Wanted

META = "conda-meta"
_SPECS = re.compile(r"# (?P<what>update|install|create|remove|uninstall|neutered) specs:\s*(?P<specs>.*)\Z")
_DIST = re.compile(r"(?P<name>[A-Za-z0-9_.]+)-(?P<version>[^-/]+)\.dist-info/METADATA\Z")
_SUBDIR = re.compile(r"/(?:noarch|[a-z]+-[a-z0-9_]+)/?\Z")
_MINOR = re.compile(r"3\.[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """One installed package.

    Attributes:
        asked: the MatchSpec that a user gave; empty for what came as a dependency.
        dists: the dist-info folders among its files.
    """

    pin: Pin
    asked: str
    dists: frozenset[str]


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`; the data are those of the history, and the files those of the environment."""
    records = tuple(_records(files, origin))
    if not records:
        raise refusal(origin, 0, "the environment has no packages")
    reading = CondaReading(origin=origin, files=files, wanted=wanted)
    subdirs = Counter(record.pin.subdir for record in records if record.pin.subdir != "noarch")
    system = next((name.partition("-")[0] for name, _ in subdirs.most_common(1)), "")
    reading.system = {"win": WINDOWS, "osx": MACOS}.get(system, "")
    reading.platforms = {SUBDIRS[name] for name in subdirs if name in SUBDIRS}
    for channel, _ in Counter(record.pin.channel for record in records).most_common():
        if channel:
            reading.channel(channel, 0)
    asked = _asked(read_text(data, origin))
    asked = asked or {record.pin.name: (record.asked, 0) for record in records if record.asked}
    if asked:
        _add_asked(asked, {record.pin.name: record.pin for record in records}, reading)
    else:
        add_pins(reading, [record.pin for record in records], linux_of(subdirs, wanted.platforms, origin))
    python = next((record.pin.version for record in records if record.pin.name == "python"), "")
    for name, version in _by_pip(records, python, reading):
        reading.requirement(f"{name}=={version}", 0)
    _state(files, reading)
    return reading.draft()


def _records(files: Files, origin: str) -> Iterator[_Record]:
    for name in files.names(META):
        if not name.endswith(".json") or "/" in name:
            continue
        path = f"{META}/{name}"
        try:
            value = json.loads(files.read(path) or b"")
        except (ValueError, RecursionError):
            place = posixpath.join(posixpath.dirname(posixpath.dirname(origin)), path)
            raise refusal(place, 0, "this is not JSON") from None
        if isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("name", "version")):
            yield _record(value)


def _record(value: Mapping[str, Any]) -> _Record:
    def text(key: str) -> str:
        found = value.get(key)
        return found if isinstance(found, str) else ""

    url = text("url")
    channel = _SUBDIR.sub("", url.rpartition("/")[0] if "://" in url else text("channel"))
    several = value.get("requested_specs")
    asked = [item for item in several if isinstance(item, str)] if isinstance(several, list) else []
    one = text("requested_spec")
    listed = value.get("files")
    names = [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    return _Record(
        pin=Pin(
            name=text("name"),
            version=text("version"),
            build=text("build") or text("build_string"),
            channel=channel,
            subdir=text("subdir") or "noarch",
            line=0,
        ),
        asked=(asked or [one if one != "None" else ""])[-1],
        dists=frozenset(posixpath.dirname(item) for item in names if item.endswith(".dist-info/METADATA")),
    )


def _asked(history: str) -> dict[str, tuple[str, int]]:
    """Name to the last MatchSpec that was asked for, and its line; what was removed is not there."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(history.split("\n"), 1):
        match = _SPECS.match(line.strip())
        if match is None:
            continue
        for text in _spec_list(match["specs"]):
            read = read_match_spec(text)
            spec = read if isinstance(read, Spec) else read.instead
            if spec is None:
                continue
            if match["what"] in ("remove", "uninstall"):
                found.pop(spec.name, None)
            else:
                found[spec.name] = (text, number)
    return found


def _spec_list(text: str) -> tuple[str, ...]:
    """``['python=3.10', 'numpy']``, or the same without brackets, as old conda wrote it."""
    if text.startswith("["):
        try:
            value = ast.literal_eval(text) if len(text) < 1 << 16 else []
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return ()
        return tuple(item for item in value if isinstance(item, str))
    return tuple(
        part.strip(" '\"") for part in re.split(r"['\"],\s*|,\s(?=[a-z])", text) if part.strip(" '\"")
    )


def _add_asked(asked: Mapping[str, tuple[str, int]], pins: Mapping[str, Pin], reading: CondaReading) -> None:
    """Packages that were asked for and are there; Python in the minor version that it has."""
    for name, (text, line) in asked.items():
        if name not in pins:
            reading.note(line, text, "it was asked for, and is not installed any more", lost=False)
            continue
        read = read_match_spec(text)
        minor = _MINOR.match(pins[name].version)
        if name == "python" and minor and isinstance(read, Spec) and not read.condition:
            reason = f"`python.version` is the one that is installed, {minor[0]}"
            reading.note(line, text, reason, lost=False)
            reading.spec(replace(read, condition=f"={minor[0]}"), text, line)
        elif isinstance(read, Misfit):
            reading.package(text, line)
        else:
            reading.spec(read, text, line)


def _by_pip(records: tuple[_Record, ...], python: str, reading: CondaReading) -> Iterator[tuple[str, str]]:
    """Name and version of what pip installed from an index."""
    minor = _MINOR.match(python)
    site = f"lib/python{minor[0]}/site-packages" if minor else "Lib/site-packages"
    ours = frozenset().union(*(record.dists for record in records))
    for name in reading.files.names(site):
        match = _DIST.match(name)
        folder = f"{site}/{posixpath.dirname(name)}"
        if match is None or folder in ours:
            continue
        if (reading.files.read(f"{folder}/INSTALLER") or b"").strip() == b"conda":
            continue
        if (direct := reading.files.read(f"{folder}/direct_url.json")) is not None:
            shown = f"{match['name']} {match['version']} ({_address(direct)})"
            reading.note(0, shown, "pip installed it from an address or a folder, not from an index")
            continue
        yield match["name"].replace("_", "-"), match["version"]


def _address(data: bytes) -> str:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return "?"
    return bare(str(value.get("url", "?")), 100) if isinstance(value, dict) else "?"


def _state(files: Files, reading: CondaReading) -> None:
    """What `conda env config vars set` and `conda-meta/pinned` say."""
    try:
        value = json.loads(files.read(f"{META}/state") or b"{}")
    except (ValueError, RecursionError):
        value = {}
    variables = value.get("env_vars") if isinstance(value, dict) else None
    for name, text in variables.items() if isinstance(variables, dict) else ():
        if isinstance(text, str):
            reading.variable(name, text, 0)
    for line in (files.read(f"{META}/pinned") or b"").decode("utf-8", "replace").splitlines():
        if line.strip() and not line.startswith("#"):
            reading.note(0, line.strip(), "it is pinned; add it to the packages where it matters")
