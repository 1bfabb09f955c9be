"""Which Python an imported environment gets, and where from.

A file says a range at best (``requires-python``); a definition names one minor version. That of the default Debian
suite is taken where it is allowed, then that of the next one; any other comes from conda.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import refusal
from envcatalog.model.draft import Note, Wanted
from envcatalog.model.environment import Base, Conda, DebianBase, ImageBase

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

# The interpreter of each suite; the first is the default. Source: the package `python3` of each release.
SUITES = {"bookworm": "3.11", "trixie": "3.13"}
OLDEST, NEWEST = 8, 13  # of `python.version`; later ones only where nothing else is allowed
LATEST = 20
CHANNEL = "conda-forge"
_VERSION = re.compile(r"3\.(?:[89]|[1-9][0-9])\Z")
_IMAGE = re.compile(r"(?:\A|/)python:(3\.[0-9]+)(?:[.-]|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a file says of the Python version, and where.

    Attributes:
        specifier: as in PEP 440, ``>=3.9,<4``; ``||`` between alternatives.
    """

    specifier: str
    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """`conda` is set where no Debian package is the interpreter."""

    version: str
    base: Base
    conda: Conda | None = None
    notes: tuple[Note, ...] = ()


def choose_python(wanted: Wanted, asked: Asked | None, origin: str) -> Chosen:
    """A version that the file allows.

    Args:
        wanted: its `python` and `base` come first, whatever the file says.
        origin: the imported file, for a note of what was chosen where it says nothing.

    Raises:
        Refusal: the file allows no version of Python 3.8 or later.
    """
    allowed, notes = _allowed(asked)
    version = wanted.python or _first(wanted.base, allowed)
    if version is None:
        assert asked is not None
        raise refusal(
            asked.file, asked.line, f"no Python that there is for an environment is `{bare(asked.specifier)}`"
        )
    if asked is not None and version not in allowed:
        reason = f"Python {version} was asked for, which is not among these"
        notes.append(Note(file=asked.file, line=asked.line, text=asked.text, reason=reason))
    elif not wanted.python:
        notes.append(_chosen_note(version, asked, origin))
    base = wanted.base or DebianBase(suite=_suite(version))
    if isinstance(base, DebianBase) and SUITES.get(base.suite, version) != version:
        notes.append(_conda_note(version, base.suite, asked, origin))
        return Chosen(version=version, base=base, conda=Conda(channels=(CHANNEL,)), notes=tuple(notes))
    return Chosen(version=version, base=base, notes=tuple(notes))


def _allowed(asked: Asked | None) -> tuple[tuple[str, ...], list[Note]]:
    """Versions that a file allows, in the order of preference: those of the suites, then the newest."""
    versions = [*SUITES.values(), *(f"3.{minor}" for minor in range(NEWEST, OLDEST - 1, -1))]
    versions += [f"3.{minor}" for minor in range(NEWEST + 1, LATEST + 1)]
    versions = list(dict.fromkeys(versions))
    if asked is None:
        return tuple(versions), []
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        ways = [SpecifierSet(part) for part in asked.specifier.split("||")]
    except InvalidSpecifier:
        reason = "it is no range of versions; the default was taken"
        note = Note(file=asked.file, line=asked.line, text=asked.text, reason=reason)
        return tuple(versions), [note]
    return tuple(version for version in versions if any(_holds(way, version) for way in ways)), []


def _holds(specifier: SpecifierSet, version: str) -> bool:
    """Whether some patch release is within; `3.11` stands for all of `3.11.*`."""
    named = {clause.version.removesuffix(".*").removeprefix(f"{version}.") for clause in specifier}
    patches = {"0", "99"} | {part for part in named if part.isdecimal() and len(part) < 4}
    patches |= {str(int(part) + step) for part in patches for step in (-1, 1) if int(part) + step >= 0}
    return any(specifier.contains(f"{version}.{patch}") for patch in patches)


def _first(base: Base | None, allowed: tuple[str, ...]) -> str | None:
    known = None
    if isinstance(base, DebianBase):
        known = SUITES.get(base.suite)
    elif isinstance(base, ImageBase) and (match := _IMAGE.search(base.image)) and _VERSION.match(match[1]):
        return match[1]
    return known if known in allowed else next(iter(allowed), None)


def _suite(version: str) -> str:
    return next((suite for suite, python in SUITES.items() if python == version), "bookworm")


def _chosen_note(version: str, asked: Asked | None, origin: str) -> Note:
    if asked is None:
        reason = f"the file says no Python version; {version} was chosen"
        return Note(file=origin, line=0, text="", reason=reason, lost=False)
    reason = f"a definition has one minor version; {version} was chosen"
    return Note(file=asked.file, line=asked.line, text=asked.text, reason=reason, lost=False)


def _conda_note(version: str, suite: str, asked: Asked | None, origin: str) -> Note:
    reason = f"Debian `{suite}` has no Python {version}, so it comes from conda's channel `{CHANNEL}`"
    file, line, text = (asked.file, asked.line, asked.text) if asked else (origin, 0, "")
    return Note(file=file, line=line, text=text, reason=reason, lost=False)
