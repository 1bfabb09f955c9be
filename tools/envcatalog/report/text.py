"""Records for people: aligned lines that end with a line feed. Everything from a file is made harmless."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from envcatalog.model.change import Change
from envcatalog.model.image import BuiltImage
from envcatalog.model.plan import Action
from envcatalog.model.ranges import show_ranges
from envcatalog.model.result import CheckReport, Finding, Listed, Locked, Published
from envcatalog.report.problems import error_text as error_text
from envcatalog.report.problems import problems_text as problems_text
from envcatalog.report.safe import pad, visible, width
from envcatalog.report.style import BOLD, GREEN, RED, YELLOW, paint

_COLOURS = {
    "build": GREEN,
    "published": GREEN,
    "written": GREEN,
    "ok": GREEN,
    "added": GREEN,
    "retag": YELLOW,
    "retagged": YELLOW,
    "warning": YELLOW,
    "stale": RED,
    "refuse": RED,
    "refused": RED,
    "missing": RED,
    "failed": RED,
    "removed": RED,
}
SHORT = 12
_LICENSE_COLUMNS = 100  # some packages write their whole licence where its name belongs


def plan_text(actions: Sequence[Action], *, colour: bool = False) -> str:
    """One line for each action, then the totals: ``2 to build, 1 to retag, 5 unchanged, 0 refused``."""
    rows = [(item.action, item.environment, _version(item.version), _reason(item)) for item in actions]
    hints = [_hint(item.hint, colour) if item.hint else "" for item in actions]
    return table(rows, colour=colour, below=hints) + plan_totals(actions) + "\n"


def _reason(item: Action) -> str:
    """Why; and which builder it takes, where that is not the usual one."""
    if item.action != "build" or not item.builder_reason:
        return item.reason
    return f"{item.reason}; {item.builder} builder: {item.builder_reason}"


def plan_totals(actions: Sequence[Action]) -> str:
    """The last line of a plan."""
    count = Counter(item.action for item in actions)
    return (
        f"{count['build']} to build, {count['retag']} to retag, "
        f"{count['skip']} unchanged, {count['refuse']} refused"
    )


def published_text(published: Sequence[Published], *, colour: bool = False) -> str:
    """One line for each environment, with what to pull, or the reason where there is nothing to pull."""
    rows = [
        (item.status, item.environment, _version(item.version), item.image or item.reason)
        for item in published
    ]
    count = Counter(item.status for item in published)
    totals = f"{count['published']} published, {count['retagged']} retagged, {count['unchanged']} unchanged"
    return table(rows, colour=colour) + f"{totals}, {count['refused']} refused\n"


def locked_text(locked: Sequence[Locked], *, colour: bool = False) -> str:
    """One line for each environment; what moved stands below it."""
    rows = [(item.status, item.environment, short_digest(item.lock)) for item in locked]
    below = ["".join(f"  {line}\n" for line in _change_lines(item.changes, colour)) for item in locked]
    return table(rows, colour=colour, below=below)


def environments_text(environments: Sequence[Listed], *, colour: bool = False) -> str:
    """A table with a head line."""
    rows = [
        (item.name, item.kind, str(item.version or "-"), aliases_text(item.aliases) or "-", _described(item))
        for item in environments
    ]
    return table(rows, head=("NAME", "KIND", "VERSION", "ALIASES", "DESCRIPTION"), colour=colour)


def _described(item: Listed) -> str:
    marks = ["archived"] if item.archived else []
    if item.deprecated is not None:
        marks.append(f"deprecated {show_ranges(item.deprecated.versions)}".rstrip())
    return f"[{', '.join(marks)}] {item.description}".rstrip() if marks else item.description


def changes_text(changes: Sequence[Change], *, colour: bool = False) -> str:
    """``upgraded  python.packages.pandas  2.2.2 -> 2.2.3``; ``no differences`` for none."""
    if not changes:
        return "no differences\n"
    return "".join(f"{line}\n" for line in _change_lines(changes, colour))


def build_text(images: Sequence[BuiltImage], *, colour: bool = False) -> str:
    """One line for each image, its digest last; below it one for each check that was run, and why others were not."""
    text = ""
    for image in images:
        text += f"{visible(image.environment)}  {image.digest}\n"
        rows = [row for report in image.checks for row in _check_rows(report)]
        text += table(rows, indent="  ", colour=colour)
    return text


def _check_rows(report: CheckReport) -> Iterator[tuple[str, str, str]]:
    for result in report.results:
        yield "ok", report.platform, f"{result.command}  ({result.seconds:.1f} s, {report.how})"
    if report.note:
        yield "note", report.platform, report.note


def doctor_text(findings: Sequence[Finding], *, colour: bool = False) -> str:
    """One line for each finding, its hint below it."""
    rows = [(item.state, item.name, item.detail) for item in findings]
    return table(
        rows, colour=colour, below=[_hint(item.hint, colour) if item.hint else "" for item in findings]
    )


def short_digest(digest: str) -> str:
    """The first twelve digits, as engines show them."""
    return digest.removeprefix("sha256:")[:SHORT]


def table(
    rows: Sequence[Sequence[str]],
    *,
    head: Sequence[str] = (),
    below: Sequence[str] = (),
    indent: str = "",
    colour: bool = False,
) -> str:
    """Columns aligned by what they take on a terminal, two spaces between; `below` goes under its row."""
    cells = [[visible(cell) for cell in row] for row in ([head] if head else []) + list(rows)]
    if not rows:
        return ""
    columns = [max(map(width, column)) for column in zip(*cells, strict=True)]
    text = ""
    for number, row in enumerate(cells):
        line = "  ".join(pad(cell, size) for cell, size in zip(row, columns, strict=True)).rstrip()
        is_head = bool(head) and number == 0
        text += f"{indent}{_painted(line, row[0], is_head, colour)}\n"
        if below and not is_head:
            text += below[number - bool(head)]
    return text


def _painted(line: str, first: str, is_head: bool, colour: bool) -> str:
    if is_head:
        return paint(line, BOLD, colour=colour)
    code = _COLOURS.get(first)
    return paint(first, code, colour=colour) + line[len(first) :] if code else line


def _change_lines(changes: Sequence[Change], colour: bool) -> list[str]:
    rows = [
        (item.kind, f"{item.path}{change_note(item)}", _before_after(item), _license(item))
        for item in changes
    ]
    return table(rows, colour=colour).splitlines()


def change_note(change: Change) -> str:
    """Why a package is there though the definition does not ask for it; empty where it does."""
    if change.inherited_from:
        return f" (from {change.inherited_from})"
    return "" if change.direct else " (indirect)"


def _before_after(change: Change) -> str:
    if change.before is None or change.after is None or change.before == change.after:
        return change.after or change.before or ""
    return f"{change.before} -> {change.after}"


def _license(change: Change) -> str:
    note = change.license_note
    if len(note) > _LICENSE_COLUMNS:
        note = f"{note[: _LICENSE_COLUMNS - 3]}..."
    return f"licence {note}" if note else ""


def _hint(hint: str, colour: bool) -> str:
    return f"  {paint('hint:', BOLD, colour=colour)} {visible(hint)}\n"


def _version(version: int | None) -> str:
    return f"version {version}" if version is not None else "-"


def aliases_text(aliases: Sequence[tuple[str, int]]) -> str:
    """``prod=3, staging=5``."""
    return ", ".join(f"{name}={number}" for name, number in aliases)
