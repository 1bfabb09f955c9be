"""Plan and changes as Markdown tables for the comment on a pull request.

Whatever comes from a file stands in a code span: there GitHub makes no link, mention, emoji, HTML or emphasis
of it. A code span in a table cell ends at a backtick or a pipe alone, so these two are spelled ``\\x60`` and
``\\x7c`` (a backslash before a pipe would not do: the text may bring a backslash of its own).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from envcatalog.model.change import Change, Download
from envcatalog.model.plan import Action
from envcatalog.report.safe import visible
from envcatalog.report.size import download_text
from envcatalog.report.text import change_note, plan_totals

MAX_CHARACTERS = 60_000  # GitHub refuses a comment of more than 65,536
MAX_CELL = 300
_PLAIN = re.compile(r"[a-z0-9 ,;()-]*\Z")


def plan_markdown(actions: Sequence[Action]) -> str:
    """The actions that change something, then the totals."""
    rows = [
        (item.action, code(item.environment), _number(item.version), prose(item.reason))
        for item in actions
        if item.action != "skip"
    ]
    totals = f"{plan_totals(actions)}\n"
    if not rows:
        return totals
    return _table(
        ("Action", "Environment", "Version", "Reason"), rows, room=MAX_CHARACTERS - len(totals) - 1
    ) + (f"\n{totals}")


def changes_markdown(changes: Sequence[Change], downloads: Sequence[Download] = ()) -> str:
    """One row for each change, then how much there is to download."""
    if not changes:
        return "No differences.\n"
    rows = [
        (item.kind, code(item.path) + change_note(item), code(item.before), code(item.after))
        for item in changes
    ]
    lines = [f"Download, {item.platform}: {download_text(item)}." for item in downloads]
    below = "\n" + "\n".join(lines) + "\n" if lines else ""
    return _table(("Change", "Path", "Before", "After"), rows, room=MAX_CHARACTERS - len(below)) + below


def code(text: str | None) -> str:
    """A code span that holds the text, and nothing but text; empty for none."""
    if not text:
        return ""
    shown = visible(text).replace("`", "\\x60").replace("|", "\\x7c")
    return f"`{shown if len(shown) <= MAX_CELL else shown[: MAX_CELL - 3] + '...'}`"


def prose(text: str) -> str:
    """Words of ours as they are; anything that might hold more, as a code span."""
    return text if _PLAIN.match(text) and len(text) <= MAX_CELL else code(text)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, room: int) -> str:
    text = _row(head) + _row(["---"] * len(head))
    note = len(f"\n{len(rows)} more rows are not shown.\n")
    for number, row in enumerate(rows):
        line = _row(row)
        if len(text) + len(line) + note > room:
            left = len(rows) - number
            return text + f"\n{left} more row{'s are' if left != 1 else ' is'} not shown.\n"
        text += line
    return text


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _number(version: int | None) -> str:
    return "" if version is None else str(version)
