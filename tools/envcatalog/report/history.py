"""`log` and `blame` for people and programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from envcatalog.model.history import CommitEntry, EnvironmentLog, Origin, VersionEntry
from envcatalog.report.json import dump, version_value
from envcatalog.report.safe import visible
from envcatalog.report.style import BOLD, YELLOW, paint
from envcatalog.report.text import SHORT, table

_SIGNATURES = {"good": "good", "bad": "bad", "unknown": "cannot be judged here"}
_SHALLOW = "older commits are not in this shallow clone; `git fetch --unshallow --tags` gets them\n"


def log_text(found: EnvironmentLog, *, colour: bool = False) -> str:
    """Each version with the commits since the one before, newest first."""
    text = ""
    if found.unpublished:
        text += paint("not published yet", YELLOW, colour=colour) + "\n" + _commits(found.unpublished)
    for entry in found.versions:
        version = entry.version
        names = f" ({', '.join(entry.aliases)})" if entry.aliases else ""
        text += paint(visible(f"{version.reference}{names}"), BOLD, colour=colour) + "\n"
        message = version.message if version.message != version.reference else ""
        facts = [
            ("image", version.image or "none"),
            ("commit", version.commit[:SHORT]),
            ("by", f"{version.author}, {version.date}"),
            ("tag", _signature(entry)),
            ("message", message),
        ]
        text += table([fact for fact in facts if fact[1]], indent="  ") + _commits(entry.commits)
    if not text:
        text = "no versions or commits to show\n"
    return text + (_SHALLOW if found.shallow else "")


def log_json(found: EnvironmentLog, *, commits: bool) -> str:
    """``{"versions": [{"version", "commit", "date", "author", "message", "image"}]}``, then others."""
    value: dict[str, Any] = {
        "versions": [
            {**version_value(entry.version), "aliases": list(entry.aliases), **_judged(entry)}
            for entry in found.versions
        ]
    }
    if commits:
        entries = (*found.unpublished, *(item for entry in found.versions for item in entry.commits))
        value["commits"] = [_commit(item) for item in entries]
        value["shallow"] = found.shallow
    return dump(value)


def blame_text(origins: Sequence[Origin], *, colour: bool = False) -> str:
    """One line for each package."""
    rows = [
        (
            item.package,
            item.installed,
            _since(item.since_version),
            item.since.id[:SHORT],
            item.since.date[:10],
            item.since.author,
            _since(item.first_version) if item.first.id != item.since.id else "",
            item.first.date[:10] if item.first.id != item.since.id else "",
        )
        for item in origins
    ]
    head = ("PACKAGE", "INSTALLED", "SINCE", "COMMIT", "DATE", "AUTHOR", "FIRST", "")
    return table(rows, head=head, colour=colour)


def blame_json(name: str, origins: Sequence[Origin]) -> str:
    """``{"packages": [{"package", "kind", "installed", "since": {...}, "first": {...}}]}``."""
    rows = [
        {
            "environment": name,
            "package": item.package,
            "kind": item.kind,
            "installed": item.installed,
            "since": {
                "version": item.since_version,
                "commit": item.since.id,
                "date": item.since.date,
                "author": item.since.author,
                "message": item.since.message,
            },
            "first": {
                "version": item.first_version,
                "commit": item.first.id,
                "date": item.first.date,
                "author": item.first.author,
                "message": item.first.message,
            },
        }
        for item in origins
    ]
    return dump({"packages": rows})


def _signature(entry: VersionEntry) -> str:
    if not entry.version.signed:
        return "unsigned"
    if not entry.signature:
        return "signed (not verified)"
    return f"signed, {_SIGNATURES[entry.signature]}" + (f": {entry.signer}" if entry.signer else "")


def _judged(entry: VersionEntry) -> dict[str, Any]:
    return {"signature": entry.signature, "signer": entry.signer or None} if entry.signature else {}


def _commits(entries: Sequence[CommitEntry]) -> str:
    rows = [
        (
            item.commit.id[:SHORT],
            item.commit.date[:10],
            item.commit.author.partition(" <")[0],
            item.commit.message,
            f"[{item.summary}]",
        )
        for item in entries
    ]
    return table(rows, indent="    ")


def _commit(item: CommitEntry) -> dict[str, Any]:
    return {
        "commit": item.commit.id,
        "date": item.commit.date,
        "author": item.commit.author,
        "message": item.commit.message,
        "summary": item.summary,
        "version": item.version,
    }


def _since(version: int | None) -> str:
    return "unpublished" if version is None else f"@{version}"
