"""What `verify` found, for people and for programs."""

from __future__ import annotations

from collections import Counter

from envcatalog.model.result import Discrepancy, Verified
from envcatalog.report.json import dump
from envcatalog.report.safe import visible
from envcatalog.report.text import table

_WIDEST = 80


def verified_text(answer: Verified, *, colour: bool = False) -> str:
    """One line for each finding, both sides below it; then the totals."""
    rows = [(item.severity, _cut(item.reference), item.code, item.message) for item in answer.findings]
    count = Counter(item.severity for item in answer.findings)
    plural = "" if answer.verified == 1 else "s"
    totals = f"{answer.verified} version{plural} verified, {_many(count['error'], 'error')}"
    totals += f", {_many(count['warning'], 'warning')}\n"
    return table(rows, colour=colour, below=[_sides(item) for item in answer.findings]) + totals


def _cut(reference: str) -> str:
    """A tag may be called anything: one long name must not push every row off the screen."""
    return reference if len(reference) <= _WIDEST else reference[: _WIDEST - 3] + "..."


def verified_json(answer: Verified) -> str:
    """``{"verified": n, "findings": [{"reference", "code", "severity", "message", "expected", "found"}]}``."""
    return dump(
        {
            "verified": answer.verified,
            "findings": [
                {
                    "reference": item.reference,
                    "code": item.code,
                    "severity": item.severity,
                    "message": item.message,
                    "expected": item.expected or None,
                    "found": item.found or None,
                }
                for item in answer.findings
            ],
        }
    )


def _sides(item: Discrepancy) -> str:
    sides = (("expected", item.expected), ("found", item.found))
    return "".join(f"  {name:8}  {visible(value)}\n" for name, value in sides if value)


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count or 'no'} {word}s"
