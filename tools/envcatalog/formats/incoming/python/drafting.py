"""What the importers of Python's own files have in common: requirements and a range of Python to a draft."""

from __future__ import annotations

from collections.abc import Iterable

from envcatalog.definition.finding import bare
from envcatalog.definition.source import UNSEEN
from envcatalog.definition.text.foreign import Node
from envcatalog.formats.incoming.python.python_choice import Asked, choose_python
from envcatalog.formats.incoming.python.requirement_lines import SHOWN, Requirements
from envcatalog.model.draft import Draft, Note, Wanted
from envcatalog.model.environment import DEFAULT_PLATFORM, Environment, Python

MAX_DESCRIPTION = 2000


def draft_of(
    wanted: Wanted,
    origin: str,
    found: Requirements,
    *,
    asked: Asked | None = None,
    notes: Iterable[Note] = (),
    description: str = "",
) -> Draft:
    """A draft with pip packages.

    Args:
        notes: further ones, in any order.
        description: taken where the user gives none.

    Raises:
        Refusal: no Python fits.
    """
    chosen = choose_python(wanted, asked, origin)
    environment = Environment(
        name=wanted.name,
        base=chosen.base,
        python=Python(version=chosen.version, packages=found.packages),
        conda=chosen.conda,
        platforms=wanted.platforms or (DEFAULT_PLATFORM,),
        description=wanted.description or plain_text(description, MAX_DESCRIPTION),
    )
    return Draft(
        environment=environment,
        notes=in_order((*chosen.notes, *notes, *found.notes), origin),
        places=found.places,
    )


def in_order(notes: Iterable[Note], origin: str) -> tuple[Note, ...]:
    """Notes in the order of the imported file, then those of the files that it includes."""
    return tuple(sorted(notes, key=lambda note: (note.file != origin, note.file, note.line)))


def plain_text(text: str, most: int) -> str:
    """A foreign text as a definition may hold it: nothing invisible, no white space around, not too long."""
    return UNSEEN.sub(" ", text.replace("\r\n", "\n")).strip()[:most].strip()


def note_at(origin: str, node: Node, text: str, reason: str, *, lost: bool = True) -> Note:
    """A note on a value of a foreign file."""
    return Note(file=origin, line=node.line, text=bare(text, SHOWN), reason=reason, lost=lost)
