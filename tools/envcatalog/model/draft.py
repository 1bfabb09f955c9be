"""What an importer makes of someone else's file: a definition, and a note for all that it could not carry over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from envcatalog.model.environment import Base, Environment


class Files(Protocol):
    """Where an importer reads from: a folder of the machine, or of a commit."""

    def read(self, path: str) -> bytes | None:
        """A file by its path relative to the one that is imported; None when there is none, or it is outside."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Files below a folder, relative to it, sorted; empty when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asks of the new environment; None leaves it to the file, and then to the defaults."""

    name: str
    base: Base | None = None
    python: str | None = None
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that was not carried over, or carried over as something else.

    Attributes:
        file: the file it stands in, as the user named it.
        line: from 1; 0 where a line makes no sense.
        text: what stands there, in one line.
        reason: why, and what became of it.
        lost: False where nothing is missing (a default that was chosen); such a note does not refuse ``--strict``.
    """

    file: str
    line: int
    text: str
    reason: str
    lost: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A definition that validates, and the notes in the order of the file."""

    environment: Environment
    notes: tuple[Note, ...] = ()
