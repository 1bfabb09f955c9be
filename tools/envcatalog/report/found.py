"""`search` for people and programs."""

from __future__ import annotations

from envcatalog.model.found import SearchResult
from envcatalog.report.json import dump
from envcatalog.report.text import table


def search_text(found: SearchResult, *, colour: bool = False) -> str:
    """One line for each match, then how many locks were searched."""
    rows = [
        (
            item.environment if item.version is None else f"{item.environment}@{item.version}",
            item.package,
            item.installed,
            ", ".join(item.platforms),
            *((item.license,) if found.unknown is not None else ()),
            f"from {item.inherited_from}" if item.inherited_from else "",
        )
        for item in found.matches
    ]
    return table(rows, colour=colour) + _totals(found)


def search_json(found: SearchResult) -> str:
    """``{"matches": [{"environment", "version", "package", "installed", "platforms", "inherited_from"}]}``."""
    return dump(
        {
            "matches": [
                {
                    "environment": item.environment,
                    "version": item.version,
                    "package": item.package,
                    "installed": item.installed,
                    "platforms": list(item.platforms),
                    "inherited_from": item.inherited_from or None,
                    "kind": item.kind,
                    "license": item.license or None,
                }
                for item in found.matches
            ],
            "unread": [
                {"environment": item.environment, "version": item.version, "reason": item.reason}
                for item in found.unread
            ],
            "searched": found.searched,
            "unknown": found.unknown,
        }
    )


def _totals(found: SearchResult) -> str:
    names = len({item.environment for item in found.matches})
    text = f"{_many(names, 'environment')}, {_many(found.searched, 'lock')} searched"
    if found.unknown:
        text += f"; of {_many(found.unknown, 'package')} no licence is known"
    return f"{text}\n"


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
