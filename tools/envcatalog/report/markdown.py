"""Plan and changes as Markdown tables for the comment on a pull request.

Whatever comes from a file stands in a code span: there GitHub makes no link, mention, emoji, HTML or emphasis
of it. A code span in a table cell ends at a backtick or a pipe alone, so these two are spelled ``\\x60`` and
``\\x7c`` (a backslash before a pipe would not do: the text may bring a backslash of its own).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from envcatalog.model.change import Change, Download, Installed, Reviewed, ReviewedSettings
from envcatalog.model.plan import Action
from envcatalog.report.safe import visible
from envcatalog.report.size import download_text, installed_text
from envcatalog.report.text import plan_totals

MAX_CHARACTERS = 60_000  # GitHub refuses a comment of more than 65,536
MAX_CELL = 300
_LEAST = 1_500  # room for a head and a row of the longest cells
_PLAIN = re.compile(r"[a-z0-9 ,;()-]*\Z")


def plan_markdown(actions: Sequence[Action], *, room: int = MAX_CHARACTERS) -> str:
    """The actions that change something, then the totals."""
    rows = [
        (item.action, code(item.environment), _number(item.version), prose(item.reason))
        for item in actions
        if item.action != "skip"
    ]
    totals = f"{plan_totals(actions)}\n"
    if not rows:
        return totals
    return _table(("Action", "Environment", "Version", "Reason"), rows, room=room - len(totals) - 1) + (
        f"\n{totals}"
    )


def changes_markdown(
    changes: Sequence[Change],
    downloads: Sequence[Download] = (),
    installed: Sequence[Installed] = (),
    *,
    room: int = MAX_CHARACTERS,
) -> str:
    """One row for each change, then how much there is to download and what that unpacks to."""
    if not changes:
        return "No differences.\n"
    head = ["Change", "Path", "Before", "After"]
    rows = [
        [item.kind, code(item.path) + _note(item), code(item.before), code(item.after)] for item in changes
    ]
    if any(item.license_note for item in changes):
        head.append("Licence")
        rows = [[*row, code(item.license_note)] for row, item in zip(rows, changes, strict=True)]
    below = _sizes(downloads, installed)
    return _table(head, rows, room=room - len(below)) + below


def _sizes(downloads: Sequence[Download], installed: Sequence[Installed]) -> str:
    lines = [f"Download for {code(item.platform)} {code(download_text(item))}." for item in downloads]
    for item in installed:
        text = installed_text(item)
        if text:
            lines.append(f"Installed for {code(item.platform)} {code(text)}.")
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def review_markdown(
    actions: Sequence[Action],
    reviewed: Sequence[Reviewed],
    *,
    left_out: int = 0,
    settings: ReviewedSettings | None = None,
) -> str:
    """What will be published, then what differs in the settings and in each environment that was touched."""
    text = "### Plan\n\n" + plan_markdown(actions, room=MAX_CHARACTERS // 2)
    if settings is not None:
        text += _settings(settings, room=MAX_CHARACTERS // 4)
    if not reviewed:
        return text + "\nNo environment is edited.\n"
    text += "\n### Changes\n"
    note = len(f"\n{len(reviewed) + left_out} more environments are not shown.\n")
    for number, item in enumerate(reviewed):
        # One environment with ten thousand changes must not hide the others.
        room = max(_LEAST, (MAX_CHARACTERS - len(text) - note) // (len(reviewed) - number))
        section = _section(item, room)
        if len(text) + len(section) + note > MAX_CHARACTERS:
            left_out += len(reviewed) - number
            break
        text += section
    if left_out:
        text += f"\n{left_out} more environment{'s are' if left_out != 1 else ' is'} not shown.\n"
    return text


def _settings(item: ReviewedSettings, *, room: int) -> str:
    text = "\n### Settings\n\n`catalog/catalog.yaml` is edited, and this change is judged by what it says now.\n\n"
    if item.note:
        return f"{text}{prose(item.note)}\n"
    text += changes_markdown(item.changes, room=room // 2)
    if item.let_pass:
        text += "\n#### What the settings before would refuse\n\n"
        text += _table(("File", "Problem"), [tuple(map(code, row)) for row in item.let_pass], room=room // 2)
    return text


def _section(item: Reviewed, room: int) -> str:
    head = f"\n#### {code(item.environment)}\n\n"
    if item.note:
        return f"{head}{prose(item.note)}\n"
    return head + changes_markdown(item.changes, item.downloads, item.installed, room=room - len(head))


def _note(change: Change) -> str:
    if change.inherited_from:
        return f" (from {code(change.inherited_from)})"
    return "" if change.direct else " (indirect)"


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
