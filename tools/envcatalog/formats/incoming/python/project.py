"""What is gathered from the tables of a `pyproject.toml`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from envcatalog.definition.finding import bare, listed
from envcatalog.definition.requirements import package_name
from envcatalog.definition.text.foreign import Node, refusal
from envcatalog.formats.incoming.python.drafting import note_at
from envcatalog.formats.incoming.python.python_choice import Asked
from envcatalog.formats.incoming.python.requirement_lines import Line
from envcatalog.model.draft import Note

_SELF = re.compile(r"([A-Za-z0-9._-]+)\s*\[([^\]]*)\]\s*\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Group:
    """Requirements that come along when they are asked for, and the notes that they then bring."""

    name: str
    node: Node
    lines: list[Line]
    notes: list[Note] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Project:
    """Requirements, and what is known about the project.

    Attributes:
        found: there is a table that names dependencies.
        extras, groups: by normalised name.
        without: normalised names of packages that come from no index.
    """

    origin: str
    found: bool = False
    name: str = ""
    description: str = ""
    asked: Asked | None = None
    lines: list[Line] = field(default_factory=list)
    constraints: list[Line] = field(default_factory=list)
    extras: dict[str, Group] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    without: set[str] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)

    def note(self, node: Node, text: str, reason: str, *, lost: bool = True) -> None:
        """Note a value that is not carried over as it is."""
        self.notes.append(note_at(self.origin, node, text, reason, lost=lost))

    def ask(self, specifier: str, node: Node, text: str) -> None:
        """The first range of Python versions counts."""
        if self.asked is None:
            self.asked = Asked(specifier=specifier, file=self.origin, line=node.line, text=bare(text, 160))

    def texts(self, key: str, node: Node | None) -> list[Line]:
        """The requirements of a list."""
        if node is None:
            return []
        if not isinstance(node.value, tuple):
            if node.value is not None:
                self.note(node, key, f"it is {node.kind}, not a list of requirements")
            return []
        found = []
        for item in node.items:
            if item.text is None:
                self.note(item, key, f"it is {item.kind}, not a requirement")
            else:
                found.append(Line(text=_one_line(item.text), file=self.origin, number=item.line))
        return found

    def included(self, node: Node | None) -> list[Line]:
        """The files that setuptools reads requirements from."""
        named = node.get("file") if node is not None else None
        if named is None:
            return []
        return [
            Line(text=f"-r {shlex.quote(_one_line(item.text))}", file=self.origin, number=item.line)
            for item in named.items or (named,)
            if item.text
        ]

    def select(self, kind: str, groups: Mapping[str, Group], wanted: Iterable[str]) -> None:
        """Take the groups that are asked for, and note the others.

        Raises:
            Refusal: there is no such group.
        """
        chosen = [package_name(name) for name in wanted]
        for name in chosen:
            if name not in groups:
                known = f"it has {listed(groups)}" if groups else "it has none"
                raise refusal(self.origin, 0, f"there is no {kind} `{bare(name)}`", known)
        for name in dict.fromkeys(chosen):
            self.take(groups, name)
        for group in groups.values():
            if id(group) not in self.taken and group.lines:
                count = len(group.lines)
                many = "1 optional requirement" if count == 1 else f"{count} optional requirements"
                reason = f"{many}; taken with `--{kind} {bare(group.name)}`"
                self.note(group.node, f"{kind} {group.name}", reason, lost=False)

    def expand(self) -> None:
        """Take the extras that the project asks of itself."""
        waiting, self.lines = self.lines, []
        for line in waiting:
            for extra in self._own_extras(line):
                self.take(self.extras, extra)
        self.lines = [line for line in waiting if not self._own_extras(line)] + self.lines

    def _own_extras(self, line: Line) -> list[str]:
        """The extras of a requirement that is the project itself; none for any other."""
        match = _SELF.match(line.text)
        if match is None or not self.name or package_name(match[1]) != package_name(self.name):
            return []
        return [package_name(extra.strip()) for extra in match[2].split(",")]

    def take(self, groups: Mapping[str, Group], name: str) -> None:
        """All lines of a group, and of the extras of the project itself that it names."""
        waiting = [(groups, name)]
        while waiting:
            table, key = waiting.pop(0)
            group = table.get(key)
            if group is None or id(group) in self.taken:
                continue
            self.taken.add(id(group))
            self.notes += group.notes
            for line in group.lines:
                own = self._own_extras(line)
                waiting += [(self.extras, extra) for extra in own]
                if not own:
                    self.lines.append(line)

    def from_indexes(self) -> list[Line]:
        """The requirements without those that `without` names."""
        return [line for line in self.lines if _package(line.text) not in self.without]


def _package(text: str) -> str:
    match = _NAME.match(text)
    return package_name(match[0]) if match else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def text_of(node: Node, key: str) -> str:
    """The text below a key; empty where there is none."""
    found = node.get(key)
    return (found.text or "") if found is not None else ""
