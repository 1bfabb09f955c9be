"""What `export` made, and what the format could not hold."""

from __future__ import annotations

from collections.abc import Mapping

from envcatalog.model.export import Export
from envcatalog.report.json import dump
from envcatalog.report.safe import visible


def notes_text(export: Export) -> str:
    """A line for each part of the definition that is not in the files; those of which nothing is lost come as notes."""
    lines = []
    for note in export.notes:
        place = f"{visible(note.file)}:{note.line}" if note.line else visible(note.file)
        word = "left out" if note.lost else "note"
        lines.append(f"{word}: {place}: `{_shown(note.text)}`: {visible(note.reason)}\n")
    return "".join(lines)


def export_json(export: Export, paths: Mapping[str, str]) -> str:
    """``{"files": [{"name", "path", "text"}], "notes": [{"file", "line", "text", "reason", "lost"}], ...}``.

    Args:
        paths: where each file was written, by name; empty where nothing was written.
    """
    return dump(
        {
            "environment": export.environment,
            "reference": export.label,
            "version": export.version,
            "to": export.to,
            "files": [
                {"name": item.name, "path": paths.get(item.name), "text": item.text} for item in export.files
            ],
            "notes": [
                {
                    "file": note.file,
                    "line": note.line,
                    "text": note.text,
                    "reason": note.reason,
                    "lost": note.lost,
                }
                for note in export.notes
            ],
        }
    )


def _shown(text: str) -> str:
    return visible(text if len(text) <= 100 else text[:97] + "...")
