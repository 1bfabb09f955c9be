"""YAML text to plain values, with the place of each value, in one walk over libyaml's events.

The walk keeps its own stack, so nesting cannot exhaust Python's; it builds nothing from aliases, so nothing
can be multiplied; and it stops at limits that no honest definition comes near.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from envcatalog.definition.finding import bare, show
from envcatalog.definition.source import UNSEEN, Source, describe_unseen
from envcatalog.definition.text.places import Place, span
from envcatalog.definition.text.scalars import Ambiguous, read_plain
from envcatalog.model.problem import Problem

MAX_DEPTH = 32
MAX_VALUES = 10_000
MAX_PROBLEMS = 100

Value = Any  # str | int | bool | None | list[Value] | dict[str, Value]


@dataclass(slots=True, kw_only=True)
class Composition:
    """A file's value, the places in it, and what is wrong with its YAML.

    Attributes:
        broken: the value is not whole, so no more can be said about it.
    """

    value: Value = None
    root: Place | None = None
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False

    @property
    def is_empty(self) -> bool:
        """Nothing but comments, or the `---` that begins a document."""
        return not self.broken and (
            self.root is None or (self.value is None and span(self.root.event)[2] == 0)
        )


class _Stop(Exception):
    """The rest of the file cannot be read; the problem is already noted."""


@dataclass(slots=True)
class _Open:
    """A collection that has begun. `key` is the event of a key that still waits for its value."""

    value: Value
    place: Place
    is_mapping: bool
    key: yaml.Event | None = None
    name: str = ""


def compose(source: Source) -> Composition:
    """Read one document."""
    walk = _Walk(source)
    try:
        walk.run()
    except _Stop:
        walk.result.broken = True
    except yaml.YAMLError as error:
        walk.result.broken = True
        walk.syntax(error)
    return walk.result


def event_parser(text: str) -> Any:
    """libyaml's parser of a text, or the one in Python where PyYAML was built without libyaml."""
    try:
        from yaml.cyaml import CParser  # type: ignore[attr-defined]
    except ImportError:
        return yaml.SafeLoader(text)
    return CParser(text)


class _Walk:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.result = Composition()
        self.stack: list[_Open] = []
        self.count = 0
        self.documents = 0

    def run(self) -> None:
        next_event = event_parser(self.source.text).get_event
        while (event := next_event()) is not None:
            kind = event.__class__
            if kind is yaml.ScalarEvent:
                self.scalar(event)
            elif kind is yaml.MappingStartEvent:
                self.open(event, {}, is_mapping=True)
            elif kind is yaml.SequenceStartEvent:
                self.open(event, [], is_mapping=False)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.stack.pop()
            elif kind is yaml.AliasEvent:
                self.alias(event)
            elif kind is yaml.DocumentStartEvent:
                self.document(event)
            elif kind is yaml.StreamEndEvent:
                return

    def document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            self.note("yaml-documents", "a second document begins", event, hint="remove the `---`")
            raise _Stop
        if event.version or event.tags:
            self.note(
                "yaml-directive", "the file has a YAML directive", event, hint="remove the line with `%`"
            )

    def scalar(self, event: yaml.ScalarEvent) -> None:
        top = self.stack[-1] if self.stack else None
        if event.anchor is not None or event.tag is not None:
            self.decorations(event)
        text = event.value
        if event.style:
            if event.style == '"' and UNSEEN.search(text):
                self.unseen(event, text)
            value: Any = text
        else:
            value = read_plain(text)
        if top is not None and top.is_mapping and top.key is None:
            self.key(top, event, value)
            return
        if value.__class__ is Ambiguous:
            self.ambiguous(event, value)
            value = text
        self.add(value, event)

    def open(self, event: yaml.CollectionStartEvent, value: Value, *, is_mapping: bool) -> None:
        if event.anchor is not None or event.tag is not None:
            self.decorations(event)
        if len(self.stack) == MAX_DEPTH:
            self.note("yaml-depth", f"values are nested more than {MAX_DEPTH} deep", event)
            raise _Stop
        top = self.stack[-1] if self.stack else None
        if top is not None and top.is_mapping and top.key is None:
            kind = "mapping" if is_mapping else "list"
            self.note("yaml-key", f"a key is a {kind}, and must be a string", event)
            raise _Stop
        place = self.add(value, event)
        self.stack.append(_Open(value, place, is_mapping))

    def alias(self, event: yaml.AliasEvent) -> None:
        hint = "write the value out; definitions have no aliases"
        self.note("yaml-alias", f"{show(f'*{event.anchor}')} is an alias", event, hint=hint)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.is_mapping and top.key is None:
            top.key, top.name = event, ""
            return
        self.add(None, event)

    def key(self, top: _Open, event: yaml.ScalarEvent, value: Any) -> None:
        name = event.value
        if value.__class__ is not str:
            if value.__class__ is Ambiguous:
                self.ambiguous(event, value)
            else:
                self.note(
                    "yaml-key", f"the key {show(name)} is not a string", event, hint=f'write `"{name}"`'
                )
        elif name == "<<" and not event.style:
            self.note("yaml-merge-key", "`<<` is a merge key", event, hint="write the values out")
        if name in top.value:
            first = top.place.children[name].key
            line = span(first)[0] if first is not None else 1
            message = f"the key {show(name)} is here twice; it is also in line {line}"
            self.note("yaml-duplicate-key", message, event)
        top.key, top.name = event, name

    def add(self, value: Any, event: yaml.Event) -> Place:
        self.count += 1
        if self.count > MAX_VALUES:
            self.note("yaml-too-many-values", f"the file has more than {MAX_VALUES} values", event)
            raise _Stop
        if not self.stack:
            place = self.result.root = Place(event, None)
            self.result.value = value
            return place
        top = self.stack[-1]
        place = Place(event, top.key)
        if top.is_mapping:
            name: str | int = top.name
            top.key = None
            if name in top.value:  # a duplicate: the first one stays, this one goes nowhere
                return place
            top.value[name] = value
        else:
            name = len(top.value)
            top.value.append(value)
        top.place.children[name] = place
        return place

    def note(self, code: str, message: str, event: yaml.Event, *, hint: str = "") -> None:
        line, column, length = span(event)
        problem = self.source.problem(code, message, line, column, length=length, hint=hint)
        self.result.problems.append(problem)
        if len(self.result.problems) > MAX_PROBLEMS:
            raise _Stop

    def decorations(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            hint = "remove it; definitions have no anchors"
            self.note("yaml-anchor", f"{show(f'&{event.anchor}')} is an anchor", event, hint=hint)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.note("yaml-tag", f"{show(tag)} is a tag", event, hint="remove it; definitions have no tags")

    def ambiguous(self, event: yaml.ScalarEvent, value: Ambiguous) -> None:
        message = f"{show(value.text)} has no quotes, and YAML may read it as {value.reading}"
        self.note("yaml-ambiguous", message, event, hint=value.hint)

    def unseen(self, event: yaml.ScalarEvent, text: str) -> None:
        match = UNSEEN.search(text)
        assert match is not None
        code, name = describe_unseen(match[0])
        self.note(code, f"the string holds {name}", event, hint="remove the escape")

    def syntax(self, error: yaml.YAMLError) -> None:
        mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
        if mark is None or mark.line > self.source.text.rstrip("\n").count("\n"):
            mark, context = context or mark, None  # at the end of the file: show what is not whole
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        code, message, hint = "yaml-syntax", syntax_message(error), ""
        if context is not None and context.line + 1 < line:
            hint = f"what is not whole begins in line {context.line + 1}"
        shown = self.source.problem(code, message, line, column)
        if shown.source[column - 1 : column] == "\t":
            code, message, hint = "yaml-tab", "a tab stands where YAML wants spaces", "use spaces to indent"
        self.result.problems.append(self.source.problem(code, message, line, column, hint=hint))


def syntax_message(error: yaml.YAMLError) -> str:
    """What the parser says, on one line."""
    problem = getattr(error, "problem", None) or "it cannot be read"
    context = getattr(error, "context", None)
    text = f"{context}, {problem}" if context else str(problem)
    return "this is not YAML: " + bare(" ".join(text.split()), 200).rstrip(".")
