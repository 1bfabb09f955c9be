"""`diff`: two references become two sides; what differs, and how large it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.catalog.history.differ import Side, diff_sides
from envcatalog.catalog.history.dockerfile import read_files
from envcatalog.catalog.history.reference import parse_reference
from envcatalog.catalog.history.sizes import compare_downloads, compare_installed, contents_of
from envcatalog.catalog.places import definition_path
from envcatalog.git.versions import versions
from envcatalog.model.change import Change, Download, Installed
from envcatalog.model.errors import UserError
from envcatalog.model.known import Contents

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

NOTHING = Side(environment=None, lock=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs, sorted by path; by platform what a machine with nothing must download, and what that unpacks to."""

    changes: tuple[Change, ...]
    downloads: tuple[Download, ...]
    installed: tuple[Installed, ...]


def compare(catalog: Catalog, before: str, after: str | None) -> Comparison:
    """Compare two references; with one, what the work tree changed since then (or since the newest version).

    Raises:
        UserError, ProblemsFound, Refusal: a reference names nothing, or a file there cannot be read.
    """
    return compare_sides(*_sides(catalog, before, after))


def compare_sides(old: Side, new: Side) -> Comparison:
    """Compare two moments that are known already."""
    return Comparison(
        changes=diff_sides(old, new),
        downloads=compare_downloads(old, new),
        installed=compare_installed(old, new),
    )


def contents_at(content: Content, name: str) -> Contents | None:
    """Sizes and licences at one moment; None where one that it inherits from cannot be read, or one is not locked."""
    try:
        return contents_of(_locked_side(content, name))
    except UserError:
        return None


def side_of(content: Content, name: str) -> Side:
    """Definition, lock, inherited locks and the Dockerfile's files at one moment."""
    side = _locked_side(content, name)
    assert side.environment is not None
    return replace(side, files=read_files(content, side.environment))


def _locked_side(content: Content, name: str) -> Side:
    *parents, environment = content.chain(name)
    inherited = tuple((parent.name, content.lock(parent.name)) for parent in parents)
    return Side(environment=environment, lock=content.lock(name), inherited=inherited)


def _sides(catalog: Catalog, before: str, after: str | None) -> tuple[Side, Side]:
    if after is not None:
        return _side(catalog, before), _side(catalog, after)
    reference = parse_reference(before)
    if not reference.is_worktree:
        return _side(catalog, before), _side(catalog, reference.name)
    new = _side(catalog, reference.name)
    if versions(catalog.repository, reference.name):
        return _side(catalog, f"{reference.name}@latest"), new
    head = catalog.repository.head()
    if head is None or catalog.at(head).source.read(definition_path(reference.name)) is None:
        return NOTHING, new
    return side_of(catalog.at(head), reference.name), new


def _side(catalog: Catalog, text: str) -> Side:
    found = catalog.find(text)
    return side_of(found.content, found.name)
