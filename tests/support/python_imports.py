"""Importers fed from memory; what they make is held to the definition's own reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from envcatalog.definition.reader import read_environment
from envcatalog.definition.writing.template import render_environment
from envcatalog.formats.incoming.importing import read_foreign
from envcatalog.model.draft import Draft, Note, Wanted


class MemoryFiles:
    """Files of a folder that exists in the test alone."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def names(self, folder: str) -> tuple[str, ...]:
        prefix = "" if folder in ("", ".") else f"{folder}/"
        return tuple(sorted(name.removeprefix(prefix) for name in self.files if name.startswith(prefix)))


def imported(
    name: str, content: str | bytes, files: Mapping[str, str | bytes] | None = None, **wanted: Any
) -> Draft:
    """The draft of a file, which must be one that validates."""
    data = content.encode() if isinstance(content, str) else content
    kind = wanted.pop("kind", None)
    folder = MemoryFiles({name: data, **(files or {})})
    draft = read_foreign(name, data, folder, Wanted(name="made", **wanted), kind)
    lost = [note for note in draft.notes if note.lost]
    text = render_environment(draft.environment, lost).encode()
    reading = read_environment(text, "catalog/made/environment.yaml", folder="made")
    assert [problem.message for problem in reading.problems] == [], text.decode()
    read = reading.environment
    assert read is not None
    assert replace(read, aliases=()) == draft.environment
    return draft


def lines(draft: Draft) -> list[str]:
    """Each note in a line; ``!`` where something is lost."""
    return [shown(note) for note in draft.notes]


def shown(note: Note) -> str:
    return f"{note.file}:{note.line}:{'!' if note.lost else ''} {note.text} | {note.reason}"
