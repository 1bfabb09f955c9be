"""What `register` did, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from envcatalog.model.result import Registered
from envcatalog.report.json import dump
from envcatalog.report.text import SHORT, table


def registered_text(rows: Sequence[Registered], *, colour: bool = False) -> str:
    """One line for each environment: its version and commit, or why it was refused; then the totals."""
    lines = [
        (
            item.status,
            item.environment,
            f"version {item.version}" if item.version else "-",
            item.commit[:SHORT] or "-",
            item.reason,
        )
        for item in rows
    ]
    count = Counter(item.status for item in rows)
    totals = f"{count['registered']} registered, {count['unchanged']} unchanged, {count['refused']} refused\n"
    return table(lines, colour=colour) + totals


def registered_json(rows: Sequence[Registered]) -> str:
    """``{"registered": [{"environment", "version", "commit", "plan", "status", "reason"}]}``."""
    return dump(
        {
            "registered": [
                {
                    "environment": item.environment,
                    "version": item.version,
                    "commit": item.commit or None,
                    "plan": item.plan or None,
                    "status": item.status,
                    "reason": item.reason,
                }
                for item in rows
            ]
        }
    )
