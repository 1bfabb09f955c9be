"""Edits of a definition's text that leave all else as it is: comments, blank lines, quotes, style, order, line ends.

An edit is made in the text, at the places of the YAML nodes, and then the new text is read: the values must be the
old ones but for the edit, or nothing is returned. Comments inside of what is removed, and on its last line, go
with it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import yaml

from envcatalog.definition.finding import show_path
from envcatalog.definition.source import UNSEEN, describe_unseen, read_source
from envcatalog.definition.text.compose import compose
from envcatalog.definition.text.scalars import write_scalar
from envcatalog.definition.writing.edit_text import EditedText, Impossible, flow
from envcatalog.model.errors import UserError

Scalar = str | int
Edit = Scalar | Mapping[str, Scalar] | None


def edit_value(data: bytes, origin: str, path: tuple[str, ...], value: Edit) -> bytes:
    """The file's bytes with one value set, or removed where `value` is None.

    Args:
        data: a file that the reader has no problem with.
        path: ``("aliases", "prod")``, ``("archived",)``; mappings on the way that are missing are made.
        value: a mapping keeps the layout of those keys that the file has already.

    Raises:
        UserError: the value holds a character that the reader refuses; or the text has a form in
            which this edit would change more; the hint names the line.
    """
    for text in value.values() if isinstance(value, Mapping) else (value,):
        unseen = UNSEEN.search(text) if isinstance(text, str) else None
        if unseen is not None:
            what = describe_unseen(unseen[0])[1]
            raise UserError(f"the text for `{show_path(path)}` holds {what}", "remove it")
    old = _values(data, origin)
    wanted = _with(old, path, value)
    if _same(old, wanted):
        return data
    whole = data.decode("utf-8")
    mark = "\ufeff" if whole.startswith("\ufeff") else ""
    try:
        new = (mark + _edited(whole.removeprefix(mark), old, path, value)).encode("utf-8")
        if not _same(_values(new, origin), wanted):
            raise Impossible
    except (Impossible, UserError, yaml.YAMLError) as error:
        line = EditedText(whole.removeprefix(mark)).line(path)
        raise UserError(
            f"`{origin}` has a form in which `{show_path(path)}` cannot be edited alone",
            f"edit line {line} by hand" + (f": `{_entry(path, value)}`" if value is not None else ""),
        ) from error
    return new


def _values(data: bytes, origin: str) -> dict[str, Any]:
    source, problems = read_source(data, origin)
    composed = compose(source)
    if problems or composed.problems or not isinstance(composed.value, dict):
        raise UserError(f"`{origin}` has problems and cannot be edited", "run `envcat validate`")
    return composed.value


def _with(values: dict[str, Any], path: tuple[str, ...], value: Edit) -> dict[str, Any]:
    wanted = copy.deepcopy(values)
    inner = wanted
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    if value is None:
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = dict(value) if isinstance(value, Mapping) else value
    return wanted


def _same(some: dict[str, Any], others: dict[str, Any]) -> bool:
    """Equal in values; an empty mapping is as none, and a number is no truth value."""

    def text(values: dict[str, Any]) -> str:
        return json.dumps({key: item for key, item in values.items() if item != {}}, sort_keys=True)

    return text(some) == text(others)


def _edited(text: str, old: dict[str, Any], path: tuple[str, ...], value: Edit) -> str:
    have: Any = old
    for key in path:
        have = have.get(key) if isinstance(have, dict) else None
    if value is None:
        return EditedText(text).remove(path)
    if not isinstance(value, Mapping) or not isinstance(have, dict) or not have:
        return EditedText(text).set(path, value)
    for key, item in value.items():
        if have.get(key) != item:
            text = EditedText(text).set((*path, key), item)
    for key in have.keys() - value.keys():
        text = EditedText(text).remove((*path, key))
    return text


def _entry(path: tuple[str, ...], value: Edit) -> str:
    for key in reversed(path[1:]):
        value = {key: value}  # type: ignore[dict-item]
    return f"{write_scalar(path[0])}: {flow(value)}"
