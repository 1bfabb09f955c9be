"""One text and its YAML nodes: where a key is put in, replaced or taken out. `edit` proves what comes out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from envcatalog.definition.text.scalars import write_scalar

# A new key comes after the nearest one before it that the file has.
ORDER = ("name", "description", "owners", "tags", "aliases", "deprecated", "archived")


class Impossible(Exception):
    """No place was found where the edit changes nothing else."""


def flow(value: Any, style: str | None = None) -> str:
    """A value in one line, in the quotes of a node's style."""
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{flow(key, style)}: {flow(item, style)}" for key, item in value.items()) + "}"
        )
    if not isinstance(value, str):
        return json.dumps(value)
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value, ensure_ascii=False) if style == '"' else write_scalar(value)


class EditedText:
    """One text and its nodes. Every edit gives a new text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self.root: Any = yaml.compose(text.replace("\r\n", "\n"), Loader=loader)

    def set(self, path: tuple[str, ...], value: Any) -> str:
        """The text with one value replaced, or put in with the mappings above it that are missing."""
        parent = self.root
        for depth, key in enumerate(path):
            index = _index(parent, key)
            if index is None:
                for inner in reversed(path[depth + 1 :]):
                    value = {inner: value}
                return self.insert(parent, key, value)
            parent = parent.value[index][1]
        if not isinstance(parent, yaml.ScalarNode):
            whole = self.at(parent.start_mark), self.at(parent.end_mark)
            if not parent.flow_style:
                raise Impossible
            return self.cut(*whole, flow(value))
        end = self.end_of_line(_last_line(self, parent)) if parent.style in ("|", ">") else None
        start, stop = self.at(parent.start_mark), self.at(parent.end_mark) if end is None else end
        return self.cut(start, stop, flow(value, parent.style))

    def insert(self, parent: Any, key: str, value: Any) -> str:
        """The text with a new key in a mapping."""
        last_key, last_value = self.neighbour(parent, key)
        if parent.flow_style:
            style = '"' if last_key is not None and last_key.style == '"' else None
            entry = f"{flow(key, style)}: {flow(value, style)}"
            if last_key is None:
                place = self.at(parent.start_mark) + 1
                return self.cut(place, place, entry)
            place = self.at(last_value.end_mark)
            return self.cut(place, place, f", {entry}")
        indent = " " * last_key.start_mark.column
        lines = [f"{indent}{write_scalar(key)}: {flow(value)}"]
        if isinstance(value, Mapping) and len(value) > 1:
            lines = [f"{indent}{write_scalar(key)}:"]
            lines += [f"{indent}  {write_scalar(name)}: {flow(item)}" for name, item in value.items()]
        last = _last_line(self, last_value)
        ending = (
            "\r\n"
            if self.text[: self.starts[last + 1] if self.ends(last) else None].endswith("\r\n")
            else "\n"
        )
        if not self.ends(last):
            ending = "\r\n" if "\r\n" in self.text else "\n"
            return self.text + ending + ending.join(lines)
        place = self.starts[last + 1]
        return self.cut(place, place, "".join(f"{line}{ending}" for line in lines))

    def neighbour(self, parent: Any, key: str) -> tuple[Any, Any]:
        """Key and value that a new key comes after."""
        if parent is self.root and key in ORDER:
            for before in reversed(ORDER[: ORDER.index(key)]):
                index = _index(parent, before)
                if index is not None:
                    return tuple(parent.value[index])
        return tuple(parent.value[-1]) if parent.value else (None, None)

    def remove(self, path: tuple[str, ...]) -> str:
        """The text without a key; without its mapping, too, where a block would be left empty."""
        parent = self.root
        for key in path[:-1]:
            index = _index(parent, key)
            if index is None:
                raise Impossible
            parent = parent.value[index][1]
        index = _index(parent, path[-1])
        if index is None:
            raise Impossible
        if parent.flow_style:
            return self.remove_fromflow(parent.value, index)
        if len(parent.value) == 1:
            return self.remove(path[:-1])
        key, value = parent.value[index]
        first, last = key.start_mark.line, _last_line(self, value)
        if self.text[self.starts[first] : self.at(key.start_mark)].strip(" "):
            raise Impossible
        return self.without_lines(first, last)

    def remove_fromflow(self, entries: list[Any], index: int) -> str:
        key, value = entries[index]
        start, end = self.at(key.start_mark), self.at(value.end_mark)
        following = re.compile(r"[ \t]*,[ \t]*").match(self.text, end)
        if index + 1 < len(entries):
            if following is None:
                raise Impossible
            end = following.end()
        elif index:
            before = self.at(entries[index - 1][1].end_mark)
            if "\n" not in self.text[before:start]:
                start = before
            elif following is not None:
                end = following.end()
        else:
            end = following.end() if following is not None else end
        first, last = key.start_mark.line, value.end_mark.line
        alone = not self.text[self.starts[first] : start].strip(" ")
        rest = self.text[end : self.end_of_line(last)].strip()
        if alone and (not rest or rest.startswith("#")) and self.ends(last):
            return self.without_lines(first, last)
        return self.cut(start, end, "")

    def without_lines(self, first: int, last: int) -> str:
        """The text without lines; a missing line end at the end of the file stays missing."""
        if self.ends(last):
            return self.cut(self.starts[first], self.starts[last + 1], "")
        return self.text[: self.end_of_line(first - 1)] if first else ""

    def cut(self, start: int, end: int, instead: str) -> str:
        """The text with another piece in a place."""
        return self.text[:start] + instead + self.text[end:]

    def at(self, mark: Any) -> int:
        """Where a place of the nodes is in the text, whose line ends may be longer."""
        return int(self.starts[mark.line] + mark.column)

    def ends(self, line: int) -> bool:
        """Whether the line has a line end."""
        return line + 1 < len(self.starts)

    def end_of_line(self, line: int) -> int:
        """Where a line's text ends, before its line end."""
        end = self.starts[line + 1] - 1 if self.ends(line) else len(self.text)
        return end - 1 if self.text[:end].endswith("\r") else end

    def line(self, path: tuple[str, ...]) -> int:
        """1-based line of the nearest thing around a path."""
        node, line = self.root, 1
        for key in path:
            index = _index(node, key) if isinstance(node, yaml.MappingNode) else None
            if index is None:
                break
            line = node.value[index][0].start_mark.line + 1
            node = node.value[index][1]
        return line


def _index(mapping: Any, key: str) -> int | None:
    if not isinstance(mapping, yaml.MappingNode):
        raise Impossible
    return next((place for place, (name, _) in enumerate(mapping.value) if name.value == key), None)


def _last_line(text: EditedText, node: Any) -> int:
    """The 0-based last line of a node. A parser says where the next one begins, which may be many comments later."""
    if not isinstance(node, yaml.ScalarNode) and not node.flow_style:
        last = node.value[-1]
        return _last_line(text, last[1] if isinstance(last, tuple) else last)
    end = int(node.end_mark.line)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        end -= node.end_mark.column == 0
        header = text.text[text.at(node.start_mark) : text.end_of_line(node.start_mark.line)]
        while (
            "+" not in header.partition("#")[0]
            and not text.text[text.starts[end] : text.end_of_line(end)].strip()
        ):
            end -= 1
    return end
