"""TOML and JSON of other people, as the same nodes as their YAML. The parsers tell no lines; the text does.

Both keep the order of the file, so each key and scalar is searched for from where the last one was found. Where a
file goes back and forth (tables of TOML may), the search begins anew, and a line may be that of an equal text.
"""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from typing import Any

from envcatalog.definition.finding import bare, show
from envcatalog.definition.text.foreign import MAX_DEPTH, MAX_VALUES, Node, refusal
from envcatalog.model.errors import Refusal

_LINE = re.compile(r"\(at line ([0-9]+), column [0-9]+\)\Z")
# Strings of all four kinds, comments, brackets, commas, white space, and all else.
_TOKEN = re.compile(
    r'"""(?s:.*?)"""'
    r"|'''(?s:.*?)'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[{}\[\],]|\s+|[^{}\[\],\"'#\s]+|[\"']"
)
MOST_LOST = 500  # searches that begin anew; each may take as long as the file
# Time and memory of the parser go with the square of a dotted key's length. It begins where no other word goes on.
_PART = r"(?:[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')"
_DEEP_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{3 * MAX_DEPTH}}}")

_END = re.compile(r"\(at end of document\)\Z")


class _Twice(ValueError):
    pass


def read_toml(text: str, origin: str) -> Node:
    """The table of a text; numbers, dates and ``true`` are their text.

    Raises:
        Refusal: it is not TOML, or too much of it.
    """
    try:
        value = _load_toml(text)
    except RecursionError:
        raise refusal(origin, 0, "values are nested too deep") from None
    except ValueError as error:
        raise _broken(text, origin, "TOML", str(error)) from None
    return _nodes(value, text, origin)


def _load_toml(text: str) -> dict[str, Any]:
    if _DEEP_KEY.search(text):
        raise RecursionError("a dotted key")
    try:
        return tomllib.loads(text, parse_float=str)
    except ValueError as error:
        try:
            return tomllib.loads(_one_line_tables(text), parse_float=str)
        except ValueError:
            raise error from None


def _one_line_tables(text: str) -> str:
    """Inline tables over many lines, with a comma at their end, as TOML 1.1 has them, in the way of TOML 1.0."""
    written: list[str] = []
    open_: list[str] = []
    for piece in _TOKEN.findall(text):
        if piece in "{[":
            open_.append(piece)
        elif piece in "}]" and open_:
            if open_.pop() == "{":
                while written and (not written[-1].strip() or written[-1] == ","):
                    written.pop()
        elif open_ and open_[-1] == "{":
            piece = "" if piece.startswith("#") else piece if piece.strip() else " "
        written.append(piece)
    return "".join(written)


def read_json(text: str, origin: str) -> Node:
    """The value of a text; numbers and ``true`` are their text, ``null`` is nothing.

    Raises:
        Refusal: it is not JSON, has a key twice, or too much of all.
    """
    try:
        value = json.loads(
            text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_without_twins
        )
    except RecursionError:
        raise refusal(origin, 0, "values are nested too deep") from None
    except _Twice as error:
        key = str(error)
        line = _line_of(text, text.rfind(json.dumps(key)))
        raise refusal(origin, line, f"the key {show(key)} is here twice") from None
    except json.JSONDecodeError as error:
        raise refusal(origin, error.lineno, f"this is not JSON: {bare(error.msg, 200).lower()}") from None
    return _nodes(value, text, origin)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
    return found


def _broken(text: str, origin: str, language: str, message: str) -> Refusal:
    match = _LINE.search(message)
    line = int(match[1]) if match else text.rstrip("\n").count("\n") + 1 if _END.search(message) else 1
    said = _END.sub("", _LINE.sub("", message)).strip()
    said = said[:1].lower() + said[1:]
    return refusal(origin, line, f"this is not {language}: {bare(said, 200)}")


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, max(0, position)) + 1


def _nodes(value: Any, text: str, origin: str) -> Node:
    return _Finder(text, origin).node(value, 1, 0)


class _Finder:
    def __init__(self, text: str, origin: str) -> None:
        self.text = text
        self.origin = origin
        self.at = 0
        self.line = 1
        self.count = 0
        self.lost = 0

    def node(self, value: Any, line: int, depth: int) -> Node:
        self.count += 1
        if depth > MAX_DEPTH:
            raise refusal(self.origin, line, f"values are nested more than {MAX_DEPTH} deep")
        if self.count > MAX_VALUES:
            raise refusal(self.origin, line, f"the file has more than {MAX_VALUES} values")
        if isinstance(value, dict):
            return Node({key: self.pair(key, item, depth) for key, item in value.items()}, line)
        if isinstance(value, list):
            return Node(tuple(self.item(item, depth) for item in value), line)
        if value is None:
            return Node(None, line)
        if isinstance(value, str):
            return Node(value, self.find(value.split("\n", 1)[0]), quoted=True)
        return Node(_spelled(value), line)

    def item(self, value: Any, depth: int) -> Node:
        """Of a table in a list, the line of its first key: the one of `[[...]]` cannot be found."""
        node = self.node(value, self.line, depth + 1)
        first = next(iter(node.mapping.values()), None)
        return node if first is None else Node(node.value, first.line)

    def pair(self, key: str, value: Any, depth: int) -> Node:
        return self.node(value, self.find(key), depth + 1)

    def find(self, piece: str) -> int:
        """The line of the next place that holds a text; the last line found where there is none."""
        if self.lost > MOST_LOST:
            return self.line
        found = self.text.find(piece, self.at)
        if found < 0:
            self.lost += 1
            found = self.text.find(piece)
            if found < 0:  # written with escapes
                return self.line
            self.line = _line_of(self.text, found)
        else:
            self.line += self.text.count("\n", self.at, found)
        self.at = found + len(piece)
        return self.line


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)
