"""What `update` found, for people, for programs and for the body of a pull request."""

from __future__ import annotations

from envcatalog.model.update import Relocked, Update, Updates
from envcatalog.report.json import change_value, dump
from envcatalog.report.markdown import changes_markdown, code
from envcatalog.report.safe import visible
from envcatalog.report.text import SHORT, changes_text, table

_MOST = 60_000  # characters of a body; GitHub refuses more than 65,536


def updates_text(updates: Updates, *, colour: bool = False) -> str:
    """The branches, what each changes, what could not be made newer, and the totals."""
    text = ""
    for item in updates.updates:
        text += table([(item.status, item.branch, item.commit[:SHORT] or "-", item.subject)], colour=colour)
        for changes, names in _alike(item):
            text += f"  {visible(', '.join(names))}\n"
            text += "".join(f"    {line}\n" for line in changes.splitlines())
        if item.pull_request:
            text += f"  pull request: {visible(item.pull_request)}\n"
    rows = [("failed", item.subject, item.reason) for item in updates.failed]
    return text + (table(rows, colour=colour) if rows else "") + _totals(updates)


def updates_json(updates: Updates) -> str:
    """``{"updates": [{"branch", "environments", "changes", ...}], "failed": [{"subject", "reason"}]}``."""
    return dump(
        {
            "updates": [
                {
                    "branch": item.branch,
                    "environments": list(item.environments),
                    "changes": [
                        {"environment": relocked.environment, **change_value(change)}
                        for relocked in item.relocked
                        for change in relocked.changes
                    ],
                    "advisories": list(item.advisories),
                    "subject": item.subject,
                    "status": item.status,
                    "commit": item.commit or None,
                    "pushed": item.pushed,
                    "pull_request": item.pull_request if _is_address(item.pull_request) else None,
                    "note": "" if _is_address(item.pull_request) else item.pull_request,
                }
                for item in updates.updates
            ],
            "failed": [{"subject": item.subject, "reason": item.reason} for item in updates.failed],
        }
    )


def update_markdown(update: Update) -> str:
    """The body of a pull request. Whatever comes from a file or an index stands in a code span."""
    text = "Locks made newer by `envcat update`.\n"
    if update.advisories:
        text += f"\nAdvisories: {', '.join(map(code, update.advisories[:50]))}\n"
    left = 0
    for relocked in update.relocked:
        section = _section(relocked)
        if len(text) + len(section) > _MOST:
            left += 1
        else:
            text += section
    return text + (f"\n{left} more environments are not shown.\n" if left else "")


def _is_address(text: str) -> bool:
    """An address, not a sentence that says what to do."""
    return text.startswith("https://") and " " not in text


def _section(relocked: Relocked) -> str:
    name = code(relocked.environment)
    if not relocked.changes:
        return f"\n{name} is locked anew, since its base changed.\n"
    return f"\n#### {name}\n\n{changes_markdown(relocked.changes)}"


def _alike(update: Update) -> list[tuple[str, list[str]]]:
    """Texts of changes, each once, with the environments that change so."""
    found: dict[str, list[str]] = {}
    for item in update.relocked:
        text = changes_text(item.changes) if item.changes else "locked anew, since its base changed"
        found.setdefault(text, []).append(item.environment)
    return list(found.items())


def _totals(updates: Updates) -> str:
    count = len(updates.updates)
    environments = len({name for item in updates.updates for name in item.environments})
    failed = f", {len(updates.failed)} failed" if updates.failed else ""
    if not count and not failed:
        return "nothing new\n"
    return (
        f"{count} update{'s' if count != 1 else ''} of {environments} "
        f"environment{'s' if environments != 1 else ''}{failed}\n"
    )
