"""Rules of `deprecated` that one file can be held to. They pass over values that the schema refuses."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from envcatalog.definition.finding import Finding, show
from envcatalog.model.ranges import Range, in_ranges, read_ranges, show_range, show_ranges

_NUMBER = r"[1-9][0-9]{0,8}"
_VERSIONS = re.compile(rf"{_NUMBER}(?:-(?:{_NUMBER})?)?(?:, ?{_NUMBER}(?:-(?:{_NUMBER})?)?)*\Z", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)


def deprecation_findings(value: dict[str, Any]) -> Iterator[Finding]:
    """What is wrong with `deprecated` beyond the schema."""
    deprecated = value.get("deprecated")
    if not isinstance(deprecated, dict):
        return
    versions, until = deprecated.get("versions"), deprecated.get("until")
    ranges = _ranges(versions)
    if ranges is not None:
        yield from _order(ranges)
    if isinstance(until, str) and _DATE.match(until) and not is_day(until):
        message = f"`deprecated.until` is {show(until)}, and there is no such day"
        yield Finding("deprecated-until", message, ("deprecated", "until"))
    reason = deprecated.get("reason")
    if isinstance(reason, str) and reason and not reason.strip():
        message = "`deprecated.reason` is empty"
        yield Finding("deprecated-reason", message, ("deprecated", "reason"), "say why in one line")
    if "versions" not in deprecated or ranges is not None:
        yield from _replacement(value.get("name"), deprecated.get("replacement"), ranges or ())


def replacement_parts(reference: str) -> tuple[str, int | None]:
    """Name and version of ``name`` or ``name@3``."""
    name, _, number = reference.partition("@")
    return name, int(number) if number else None


def _ranges(versions: object) -> tuple[Range, ...] | None:
    if not isinstance(versions, str) or len(versions) > 256 or not _VERSIONS.match(versions):
        return None
    return read_ranges(versions)


def _order(ranges: tuple[Range, ...]) -> Iterator[Finding]:
    path = ("deprecated", "versions")
    for first, last in ranges:
        if last is not None and last < first:
            message = f"`deprecated.versions` has the range `{first}-{last}`, which ends before it begins"
            yield Finding("deprecated-versions", message, path, f"write `{last}-{first}`")
            return
    for before, after in itertools.pairwise(ranges):
        if before[1] is None or after[0] <= before[1]:
            message = f"`deprecated.versions` has `{show_range(after)}` after `{show_range(before)}`"
            hint = "write the ranges in ascending order and without overlaps"
            yield Finding("deprecated-versions", message, path, hint)
            return


def is_day(text: str) -> bool:
    """Whether it is a day of the calendar, ``YYYY-MM-DD``."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _replacement(name: object, replacement: object, ranges: tuple[Range, ...]) -> Iterator[Finding]:
    if not isinstance(name, str) or not isinstance(replacement, str):
        return
    path = ("deprecated", "replacement")
    text, at, number = replacement.partition("@")
    if text != name:
        return
    if not ranges:
        message = f"`deprecated.replacement` is {show(replacement)}, and all its versions are deprecated"
        yield Finding("deprecated-replacement", message, path, "name another environment, or add `versions`")
    elif at and re.match(rf"{_NUMBER}\Z", number, re.ASCII) and in_ranges(int(number), ranges):
        message = f"`deprecated.replacement` is {show(replacement)}, which is deprecated itself"
        yield Finding(
            "deprecated-replacement", message, path, f"name a version that is not in `{show_ranges(ranges)}`"
        )
    elif not at and ranges[-1][1] is None:
        message = f"`deprecated.replacement` is {show(replacement)}, whose later versions are all deprecated"
        yield Finding("deprecated-replacement", message, path, "name another environment or one version")
