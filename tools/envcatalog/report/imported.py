"""What `new --from` did, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator

from envcatalog.model.imported import Imported
from envcatalog.report.json import dump
from envcatalog.report.safe import visible


def imported_notes(done: Imported) -> Iterator[str]:
    """One line for each note, and a line of totals: ``note: environment.yml:12: pywin32: it is a package for Windows``.

    What is missing now begins with ``lost:``, all else with ``note:``.
    """
    for note in done.notes:
        place = f"{note.file}:{note.line}" if note.line else note.file
        text = f"{note.text}: " if note.text else ""
        yield visible(f"{'lost' if note.lost else 'note'}: {place}: {text}{note.reason}")
    if done.notes:
        yield f"{done.lost} not carried over as it was, {len(done.notes) - done.lost} to be known"


def imported_json(done: Imported) -> str:
    """``{"environment", "path", "notes": [{"file", "line", "text", "reason", "lost"}]}``."""
    return dump(
        {
            "environment": done.environment,
            "path": done.path or None,
            "notes": [
                {
                    "file": note.file,
                    "line": note.line,
                    "text": note.text,
                    "reason": note.reason,
                    "lost": note.lost,
                }
                for note in done.notes
            ],
        }
    )
