"""YAML of other people: every scalar as its text, with the line that it stands in.

`compose` reads our own files and refuses what loaders disagree on. Here nothing is ambiguous, since ``3.10`` stays
``3.10`` and ``yes`` stays ``yes``; what is refused is only what has no plain meaning: aliases and merge keys, keys
that come twice, many documents. As there, the walk keeps its own stack, builds nothing twice and stops at limits.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Any

import yaml

from envcatalog.definition.finding import bare, show
from envcatalog.definition.text.compose import event_parser, syntax_message
from envcatalog.definition.text.places import span
from envcatalog.model.errors import Refusal

MAX_BYTES = 8 << 20
MAX_VALUES = 300_000
MAX_DEPTH = 32
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line that it stands in, from 1: the key's where the value itself is empty.

    Attributes:
        value: a scalar's text; None for nothing (``~``, ``null``); the items of a list or mapping, in their order.
        quoted: the scalar has quotes, so that it is text and neither a number nor yes or no.
    """

    value: str | tuple[Node, ...] | dict[str, Node] | None
    line: int = 1
    quoted: bool = False

    @property
    def text(self) -> str | None:
        """A scalar's text, without white space around it; None for all else, and for an empty one."""
        return self.value.strip() or None if isinstance(self.value, str) else None

    @property
    def items(self) -> tuple[Node, ...]:
        """The items of a list; none for all else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def mapping(self) -> dict[str, Node]:
        """Key to value of a mapping; empty for all else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def kind(self) -> str:
        """In words, for messages."""
        if self.value is None:
            return "nothing"
        return {str: "text", tuple: "a list"}.get(type(self.value), "a mapping")

    def get(self, *path: str) -> Node | None:
        """The value below some keys; None where one of them is missing."""
        found: Node | None = self
        for key in path:
            found = found.mapping.get(key) if found is not None else None
        return found


def refusal(origin: str, line: int, message: str, hint: str = "") -> Refusal:
    """Why a file is not taken, with the place; line 0 stands for the whole file."""
    place = f"{bare(origin, 300)}:{line}" if line else bare(origin, 300)
    return Refusal(f"{place}: {message}", hint)


def read_text(data: bytes, origin: str) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark, as PowerShell's ``>`` writes it; ``\\n`` ends lines.

    Raises:
        Refusal: it is too large, or in another encoding.
    """
    if len(data) > MAX_BYTES:
        raise refusal(origin, 0, f"the file has {len(data)} bytes, and at most {MAX_BYTES} are read")
    mark, encoding = next((pair for pair in _MARKS if data.startswith(pair[0])), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the byte `0x{data[error.start]:02x}` is not UTF-8"
        raise refusal(origin, line, message, "save the file as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_yaml(text: str, origin: str) -> Node:
    """The one document of a text.

    Raises:
        Refusal: it is not YAML, or has an alias, a merge key, a key twice, a second document, or too much of all.
    """
    walk = _Walk(origin)
    try:
        walk.run(text)
    except yaml.YAMLError as error:
        raise _syntax(text, origin, error) from None
    return walk.root


def _syntax(text: str, origin: str, error: yaml.YAMLError) -> Refusal:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.split("\n")
    shown = lines[line] if line < len(lines) else ""
    if shown[column : column + 1] == "\t" or shown[: len(shown) - len(shown.lstrip())].count("\t"):
        return refusal(origin, line + 1, "a tab stands where YAML wants spaces", "use spaces to indent")
    return refusal(origin, line + 1, syntax_message(error))


@dataclass(slots=True)
class _Open:
    """A collection that has begun; `key` is the name that still waits for its value."""

    line: int
    values: dict[str, Node] | None = None
    items: list[Node] | None = None
    key: str | None = None
    key_line: int = 0


class _Walk:
    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.root = Node(None)
        self.stack: list[_Open] = []
        self.count = self.documents = 0

    def run(self, text: str) -> None:
        next_event = event_parser(text).get_event
        while (event := next_event()) is not None:
            kind = event.__class__
            if kind is yaml.ScalarEvent:
                self.scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self.open(event, is_mapping=kind is yaml.MappingStartEvent)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.close()
            elif kind is yaml.AliasEvent:
                hint = "write the value out"
                raise self.refuse(event, f"{show(f'*{event.anchor}')} is an alias", hint)
            elif kind is yaml.DocumentStartEvent:
                self.documents += 1
                if self.documents > 1:
                    raise self.refuse(event, "a second document begins", "give one file for each")
            elif kind is yaml.StreamEndEvent:
                return

    def refuse(self, event: Any, message: str, hint: str = "") -> Refusal:
        return refusal(self.origin, span(event)[0], message, hint)

    def scalar(self, event: Any) -> None:
        text: str = event.value
        top = self.stack[-1] if self.stack else None
        line = event.start_mark.line + 1
        if top is not None and top.values is not None and top.key is None:
            if text == "<<" and not event.style:
                raise self.refuse(event, "`<<` is a merge key", "write the values out")
            if text in top.values:
                raise self.refuse(
                    event, f"the key {show(text)} is here twice", "keep one of them, with what both say"
                )
            top.key, top.key_line = text, line
            return
        quoted = bool(event.style)
        nothing = text in _NOTHING and not quoted
        if not text and top is not None and top.key is not None:
            line = top.key_line
        self.add(Node(None if nothing else text, line, quoted))

    def open(self, event: Any, *, is_mapping: bool) -> None:
        if len(self.stack) == MAX_DEPTH:
            raise self.refuse(event, f"values are nested more than {MAX_DEPTH} deep")
        top = self.stack[-1] if self.stack else None
        if top is not None and top.values is not None and top.key is None:
            raise self.refuse(
                event, f"a key is {'a mapping' if is_mapping else 'a list'}", "put it in quotes"
            )
        line = event.start_mark.line + 1
        self.stack.append(_Open(line, {} if is_mapping else None, None if is_mapping else []))

    def close(self) -> None:
        done = self.stack.pop()
        self.add(Node(done.values if done.items is None else tuple(done.items), done.line))

    def add(self, node: Node) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            raise refusal(self.origin, node.line, f"the file has more than {MAX_VALUES} values")
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if top.items is not None:
            top.items.append(node)
        elif top.values is not None and top.key is not None:
            top.values[top.key] = node
            top.key = None
