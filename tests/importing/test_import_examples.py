"""Each file of `examples/` and what becomes of it: the definition and every note, or the refusal, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcatalog.definition.reader import read_environment
from envcatalog.definition.writing.template import SCHEMA_LINE, render_environment
from envcatalog.formats.incoming.importing import read_foreign
from envcatalog.model.draft import Wanted
from envcatalog.model.errors import Refusal
from envcatalog.model.imported import Imported
from envcatalog.report.imported import imported_notes

EXAMPLES = Path(__file__).parent / "examples"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.suffix != ".expected")
CHANNELS = {"ours": "https://known.example.com/ours"}
ALIAS = ("https://alias.example.com/",)


class Beside:
    """Two files beside the one that is read."""

    def read(self, path: str) -> bytes | None:
        """See `model.draft.Files`."""
        return {"more.txt": b"rich==13.9.0\n-r even-more.txt\n"}.get(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """See `model.draft.Files`."""
        return ()


def outcome(name: str) -> str:
    """The definition and the notes, or why there is none."""
    wanted = Wanted(name="example", channels=CHANNELS, channel_aliases=ALIAS)
    try:
        draft = read_foreign(name, (EXAMPLES / name).read_bytes(), Beside(), wanted)
    except Refusal as refusal:
        return f"error: {refusal.message}\n" + (f"hint: {refusal.hint}\n" if refusal.hint else "")
    text = render_environment(draft.environment)
    reading = read_environment(text.encode(), "environment.yaml", folder="example")
    assert reading.problems == ()
    assert reading.environment == draft.environment
    notes = imported_notes(Imported(environment="example", path="", notes=draft.notes))
    return text.removeprefix(f"{SCHEMA_LINE}\n") + "---\n" + "".join(f"{line}\n" for line in notes)


def test_there_are_examples() -> None:
    assert len(NAMES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_what_becomes_of_it(name: str) -> None:
    expected = EXAMPLES / f"{name}.expected"
    assert outcome(name) == expected.read_text(encoding="utf-8")
