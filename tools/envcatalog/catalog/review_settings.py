"""What a pull request changes in the settings, and what only its own settings let it do.

A pull request is judged by the policy that it brings. Whoever reviews it must see that it edits the policy, and
which problems the policy before would have found in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envcatalog.catalog.content import Content
from envcatalog.catalog.places import SETTINGS_PATH
from envcatalog.catalog.policing import newest_version
from envcatalog.catalog.validating import validate
from envcatalog.definition.reader import plain_settings
from envcatalog.git.refs import resolve
from envcatalog.git.source import Source
from envcatalog.git.suspicion import Suspicion
from envcatalog.model.change import Change, ChangeKind, ReviewedSettings
from envcatalog.model.files import FolderFile

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def review_settings(catalog: Catalog, since: str) -> ReviewedSettings | None:
    """None where the settings say what they said.

    Raises:
        UserError: `since` names no commit.
    """
    base = catalog.at(resolve(catalog.repository, since))
    before, after = (item.source.read(SETTINGS_PATH) or b"" for item in (base, catalog.content))
    if before == after:
        return None
    old, new = (plain_settings(data, SETTINGS_PATH) for data in (before, after))
    if old is None or new is None:
        return ReviewedSettings(note="cannot be read: see what validate says")
    changes = tuple(_changes(dict(_flat(old)), dict(_flat(new))))
    return ReviewedSettings(changes=changes, let_pass=_let_pass(catalog, before)) if changes else None


@dataclass(frozen=True, slots=True)
class _OtherSettings:
    """A source with the settings of another one; see `Source`."""

    source: Source
    settings: bytes

    def names(self) -> tuple[str, ...]:
        return self.source.names()

    def read(self, path: str) -> bytes | None:
        return self.settings if path == SETTINGS_PATH else self.source.read(path)

    def read_each(self, file: str, **options: Any) -> Iterator[tuple[str, bytes]]:
        return self.source.read_each(file, **options)

    def folder(self, folder: str) -> tuple[FolderFile, ...]:
        return self.source.folder(folder)

    def skipped(self) -> tuple[Suspicion, ...]:
        return self.source.skipped()


def _let_pass(catalog: Catalog, before: bytes) -> tuple[tuple[str, str], ...]:
    newest = newest_version(catalog.repository, catalog.at)
    content = Content(_OtherSettings(catalog.content.source, before), catalog.builder)
    found, left = (
        {
            (item.file, item.message)
            for item in validate(judged, newest=newest).problems
            if item.severity == "error" and item.file != SETTINGS_PATH
        }
        for judged in (content, catalog.content)
    )
    return tuple(sorted(found - left))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, tuple[str, ...] | str]]:
    """Dotted path to a text, or to the texts of a list's items."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
        if not value and path:
            yield path, "{}"
    elif isinstance(value, list):
        yield path, tuple(map(_text, value))
    else:
        yield path, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _changes(
    old: dict[str, tuple[str, ...] | str], new: dict[str, tuple[str, ...] | str]
) -> Iterator[Change]:
    for path in sorted(old.keys() | new.keys()):
        was, now = old.get(path), new.get(path)
        if was == now:
            continue
        before, after = (item if isinstance(item, tuple) else () for item in (was, now))
        gone, come = (
            [item for item in before if item not in after],
            [item for item in after if item not in before],
        )
        if gone or come:
            yield from (Change(path=path, kind="removed", before=item, after=None) for item in gone)
            yield from (Change(path=path, kind="added", before=None, after=item) for item in come)
        else:  # a single value, or another order
            one, other = (", ".join(item) if isinstance(item, tuple) else item for item in (was, now))
            kind: ChangeKind = "added" if one is None else "removed" if other is None else "changed"
            yield Change(path=path, kind=kind, before=one, after=other)
