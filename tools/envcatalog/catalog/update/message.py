"""The words of an update: its branch and its commit message, which carries the semantic diff."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from envcatalog.model.change import Change
from envcatalog.model.update import Relocked

SUBJECT = 72  # characters; what Git's own tools and the forges show of a subject
TRAILER = "Envcat-Update"
_NAMES = 10
# What a forge would make a mention or a link to an issue of has other characters; a package writes its own licence.
_LICENSE = re.compile(r"[A-Za-z0-9 .+()>,-]{1,200}\Z")
_PACKAGES = re.compile(r"\A(?:python\.packages|conda\.packages|apt)\.")


def branch_name(prefix: str, key: str) -> str:
    """A name that Git accepts, by `git check-ref-format`, for whatever an update is about."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", lambda found: "." if found[0] == "." else "-", key)
    return prefix + (slug.strip(".-").removesuffix(".lock") or "update")


def commit_message(key: str, relocked: Sequence[Relocked], advisories: Mapping[str, Sequence[str]]) -> str:
    """Subject, one paragraph for each environment (or several that change alike), advisories, the trailer.

    Args:
        key: ``all``, ``environment sklearn``, ``package pandas`` ...
        advisories: id to the packages that it speaks of.
    """
    alike: dict[tuple[Change, ...], list[str]] = {}
    for item in relocked:
        alike.setdefault(item.changes, []).append(item.environment)
    parts = [
        _listed(names) + ":\n" + "".join(f"- {describe(change)}\n" for change in changes)
        for changes, names in alike.items()
        if changes
    ]
    if alike.get(()):
        parts.append(f"Locked anew, since their base changed: {_listed(alike[()])}\n")
    if advisories:
        parts.append("".join(f"{item}: {', '.join(names)}\n" for item, names in sorted(advisories.items())))
    return "\n".join([f"{subject(key, relocked)}\n", *parts, f"{TRAILER}: {_plain(key)}\n"])


def subject(key: str, relocked: Sequence[Relocked]) -> str:
    """At most 72 characters that say what became newer, and where."""
    changes = list(dict.fromkeys(change for item in relocked for change in item.changes))
    changes.sort(key=lambda change: not change.direct)
    count = len(relocked)
    where = (
        relocked[0].environment if count == 1 or key.startswith("environment ") else f"{count} environments"
    )
    candidates = []
    if changes:
        more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
        candidates.append(f"Update {_short(changes[0])}{more} in {where}")
        candidates.append(f"Update {_name(changes[0])}{more} in {where}")
        candidates.append(f"Update {len(changes)} package{'s' if len(changes) > 1 else ''} in {where}")
    candidates += [f"Update the lock of {where}" if count == 1 else f"Update locks in {where}"]
    fitting = next((text for text in candidates if len(text) <= SUBJECT), None)
    return fitting or candidates[-1][: SUBJECT - 3] + "..."


def describe(change: Change) -> str:
    """``upgraded python.packages.pandas 2.2.2 -> 2.2.3``, printable whatever an index called its files."""
    values = [text for text in dict.fromkeys((change.before, change.after)) if text]
    return _plain(f"{change.kind} {change.path} {' -> '.join(values)}{_license(change)}")


def _license(change: Change) -> str:
    note = change.license_note
    if _LICENSE.match(note):
        return f", licence {note}"
    return ", with another licence" if note else ""


def is_ours(message: str) -> bool:
    """Whether a commit was made by `update`."""
    return f"\n{TRAILER}: " in message


def _short(change: Change) -> str:
    values = f"{change.before} -> {change.after}" if change.before and change.after else change.after or ""
    return _plain(f"{_name(change)} {values}".strip())


def _name(change: Change) -> str:
    if change.path == "base.digest":
        return "base image"
    return _plain(_PACKAGES.sub("", change.path))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
