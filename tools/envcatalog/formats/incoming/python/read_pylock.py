"""`pylock.toml` (PEP 751) to a definition: every package at the version that was locked."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from envcatalog.definition.finding import bare
from envcatalog.definition.text.foreign import Node, read_text, refusal
from envcatalog.definition.text.foreign_plain import read_toml
from envcatalog.formats.incoming.python.drafting import draft_of, note_at
from envcatalog.formats.incoming.python.project import text_of
from envcatalog.formats.incoming.python.python_choice import Asked, choose_python
from envcatalog.formats.incoming.python.requirement_lines import Line, read_lines
from envcatalog.formats.incoming.python.requirement_one import MACHINES, images, marker_holds
from envcatalog.model.draft import Draft, Files, Note, Wanted
from envcatalog.model.environment import DEFAULT_PLATFORM

_ADDRESSES = ("vcs", "directory", "archive")
_HASHES = "the hashes of its files are not in a definition; the lock holds those of the files it chooses"


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`."""
    text = read_text(data, origin)
    root = read_toml(text, origin)
    _validate(text, root, origin)
    groups = wanted.groups or tuple(item.text or "" for item in _list(root, "default-groups"))
    packages = _list(root, "packages")
    asked = _asked(root, origin)
    target = _Target(
        python=choose_python(wanted, asked, origin).version,
        machines=tuple(MACHINES[platform] for platform in wanted.platforms or (DEFAULT_PLATFORM,)),
        extras=frozenset(wanted.extras),
        groups=frozenset(groups),
    )
    notes = [*_unknown(root, origin, wanted), *_indexes(packages, origin)]
    lines = []
    for package in packages:
        line = _line_of(package, target, notes, origin)
        if line is not None:
            lines.append(line)
    if packages:
        notes.append(note_at(origin, packages[0], "hashes", _HASHES, lost=False))
    found = read_lines(lines, files, folder=posixpath.dirname(origin))
    return draft_of(wanted, origin, found, asked=asked, notes=notes)


def _line_of(package: Node, target: _Target, notes: list[Note], origin: str) -> Line | None:
    name, version = text_of(package, "name"), text_of(package, "version")
    marker, lost = target.marker(text_of(package, "marker"))
    text = f"{name} {version}".strip()
    if marker is None:
        reason = f"it is not for Python {target.python} on Linux, or for what is optional"
        notes.append(note_at(origin, package, text, reason, lost=False))
        return None
    if not version or any(package.get(key) is not None for key in _ADDRESSES):
        reason = "it is not from an index; a definition names packages of an index"
        notes.append(note_at(origin, package, text, reason))
        return None
    if lost:
        notes.append(note_at(origin, package, text, lost))
    return Line(text=f"{name}=={version}{f'; {marker}' if marker else ''}", file=origin, number=package.line)


def _list(root: Node, key: str) -> tuple[Node, ...]:
    node = root.get(key)
    return node.items if node is not None else ()


def _asked(root: Node, origin: str) -> Asked | None:
    node = root.get("requires-python")
    if node is None or not node.text:
        return None
    return Asked(
        specifier=node.text, file=origin, line=node.line, text=f'requires-python = "{bare(node.text)}"'
    )


def _validate(text: str, root: Node, origin: str) -> None:
    """What PEP 751 asks of a file; packaging knows it all."""
    from packaging.pylock import Pylock, PylockValidationError

    try:
        Pylock.from_dict(tomllib.loads(text))
    except PylockValidationError as error:
        raise refusal(
            origin, _line(root, str(error)), f"it is no lock as PEP 751 says: {bare(str(error), 200)}"
        ) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise refusal(origin, 0, f"it is no lock as PEP 751 says: {bare(str(error), 200)}") from None


def _line(root: Node, message: str) -> int:
    """Where a message points, which ends in a path such as ``'packages[3].name'``."""
    match = re.search(r"'(\w[\w-]*)(?:\[([0-9]+)\])?[^']*'\Z", message)
    node = root.get(match[1]) if match else None
    if match is None or node is None:
        return 0
    index = int(match[2] or 0)
    return node.items[index].line if index < len(node.items) else node.line


def _unknown(root: Node, origin: str, wanted: Wanted) -> Iterator[Note]:
    """Extras and groups that are asked for and not there, and environments without Linux."""
    for kind, key, names in (
        ("extra", "extras", wanted.extras),
        ("group", "dependency-groups", wanted.groups),
    ):
        known = [item.text or "" for item in _list(root, key)]
        for name in names:
            if name not in known:
                raise refusal(origin, 0, f"there is no {kind} `{bare(name)}` in this lock")
        for item in _list(root, key):
            if (item.text or "") not in names:
                reason = f"it is optional; `--{kind} {bare(item.text or '')}` takes it"
                yield note_at(origin, item, f"{kind} {item.text or ''}", reason, lost=False)
    environments = _list(root, "environments")
    if environments and all(marker_holds(item.text or "") is False for item in environments):
        yield note_at(origin, environments[0], "environments", "the file was locked for no Linux image")


def _indexes(packages: tuple[Node, ...], origin: str) -> Iterator[Note]:
    """The index of most packages is taken for the machine's; of each other one, the first package is noted."""
    counted = Counter(text_of(package, "index") for package in packages)
    counted.pop("", None)
    usual = next((index for index, _ in counted.most_common(1)), "")
    seen = set()
    for package in packages:
        index = text_of(package, "index")
        if index and index not in seen:
            seen.add(index)
            reason = "packages come from the machine's index, or from `indexes` of `catalog.yaml`"
            yield note_at(origin, package, f"index {index}", reason, lost=index != usual)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The images that the definition will be built for, and what is wanted in them."""

    python: str
    machines: tuple[str, ...]
    extras: frozenset[str]
    groups: frozenset[str]

    def marker(self, text: str) -> tuple[str | None, str]:
        """The marker to keep, None where the package is not for these images, and what is lost by it."""
        if not text:
            return "", ""
        from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

        chosen = {"extras": self.extras, "dependency_groups": self.groups}
        try:
            marker = Marker(text)
            held = {
                marker.evaluate({**image, **chosen}, context="lock_file")
                for image in images(text, (self.python,), self.machines)
            }
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
            return "", "its marker cannot be read; it is installed everywhere"
        if held == {False}:
            return None, ""
        if held == {True}:
            return "", ""
        if "extras" in text or "dependency_groups" in text:
            return "", "its marker cannot be kept; it is installed everywhere"
        return text, ""
