"""What an importer makes of someone else's file: a definition, and a note for all that it could not carry over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from envcatalog.model.environment import Base, Environment, Managed


class Files(Protocol):
    """Where an importer reads from: a folder of the machine, or of a commit."""

    def read(self, path: str) -> bytes | None:
        """A file by its path relative to the one that is imported; None when there is none, or it is outside."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Files below a folder, relative to it, sorted; empty when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asks of the new environment; None leaves it to the file, and then to the defaults.

    Attributes:
        channels: name to URL of the catalog's own conda channels.
        channel_aliases: what stands before a channel's name in the addresses of all others, with a final slash.
        extras, groups: optional dependencies and dependency groups of a project that come along.
        managed: ``user`` to take an image as it is, ``system`` to install into it.
        target: the stage of a Dockerfile.
    """

    name: str
    base: Base | None = None
    python: str | None = None
    platforms: tuple[str, ...] = ()
    description: str = ""
    channels: Mapping[str, str] = field(default_factory=dict)
    channel_aliases: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    managed: Managed | None = None
    target: str | None = None


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
    """A definition that validates, and the notes in the order of the file.

    Attributes:
        places: a value of the definition, as it is written there, to the file and line that it comes from.
        copies: files that belong beside the definition: path in the environment's folder to path for `Files`.
        texts: files that are made for it: path in the environment's folder to content.
    """

    environment: Environment
    notes: tuple[Note, ...] = ()
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """What an importer's module has as `read`."""

    def __call__(self, data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
        """The draft that a file gives.

        Raises:
            Refusal: with file, line and reason.
        """
