"""What `new --from` did."""

from __future__ import annotations

from dataclasses import dataclass

from envcatalog.model.draft import Note
from envcatalog.model.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A definition made of someone else's file.

    Attributes:
        path: of the definition, relative to the catalog's root; empty where it was not written.
        notes: what was not carried over, or not as it was, in the order of the file.
    """

    environment: str
    path: str
    notes: tuple[Note, ...] = ()

    @property
    def lost(self) -> int:
        """How many notes are about something that is missing now."""
        return sum(note.lost for note in self.notes)


class NotWhole(Refusal):
    """With `strict`, something could not be carried over; nothing was written."""

    def __init__(self, imported: Imported) -> None:
        count = imported.lost
        what = "1 thing" if count == 1 else f"{count} things"
        super().__init__(
            f"{what} cannot be carried over, and `strict` allows nothing to be lost",
            "look at each `lost:` line, and import without it",
        )
        self.imported = imported
