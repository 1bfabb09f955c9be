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
            f"from {item.inherited_from}" if item.inherited_from else "",
        )
        for item in found.matches
    ]
    names = len({item.environment for item in found.matches})
    return (
        table(rows, colour=colour)
        + f"{names} environment{'' if names == 1 else 's'}, {found.searched} locks searched\n"
    )


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
                }
                for item in found.matches
            ],
            "unread": [
                {"environment": item.environment, "version": item.version, "reason": item.reason}
                for item in found.unread
            ],
            "searched": found.searched,
        }
    )
