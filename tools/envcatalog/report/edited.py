"""What an edit of a definition's metadata changed, and the next step."""

from __future__ import annotations

from envcatalog.model.result import Edited
from envcatalog.report.json import dump
from envcatalog.report.safe import visible
from envcatalog.report.text import table


def edited_text(edited: Edited, *, colour: bool = False) -> str:
    """The file, a line for each value, and the next step; one line where all was so already."""
    if not edited.changes:
        return f"unchanged  {visible(edited.environment)}  {visible(edited.note)}\n"
    rows = [(item.kind, item.path, _before_after(item.before, item.after)) for item in edited.changes]
    return f"{visible(edited.file)}\n{table(rows, indent='  ', colour=colour)}next: {visible(edited.note)}\n"


def edited_json(edited: Edited) -> str:
    """``{"edited": [{"environment", "status", "file", "changes", "note"}]}``; status changed or unchanged."""
    changes = [
        {"path": item.path, "kind": item.kind, "before": item.before, "after": item.after}
        for item in edited.changes
    ]
    row = {
        "environment": edited.environment,
        "status": "changed" if changes else "unchanged",
        "file": edited.file,
        "changes": changes,
        "note": edited.note,
    }
    return dump({"edited": [row]})


def _before_after(before: str | None, after: str | None) -> str:
    if before is None or after is None:
        return after or before or ""
    return f"{before} -> {after}"
