"""A JSON Schema compiled to a function that says yes or no, many times faster than a validator that explains.

Knows the keywords that our schemas use and refuses to compile any other, so a schema cannot grow past it
unnoticed. Values are what the reader makes: str, int, bool, None, list and dict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sized
from typing import Any

Schema = Mapping[str, Any]
Check = Callable[[Any], bool]

_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
_NOTES = frozenset(
    ("$schema", "$id", "$defs", "title", "description", "examples", "default", "patternErrorMessage")
)


def compile_check(schema: Schema, root: Schema) -> Check:
    """A function that tells whether a value is valid.

    Raises:
        ValueError: the schema uses a keyword that is not known here.
    """
    checks: list[Check] = []
    for keyword, value in schema.items():
        if keyword in _SIMPLE:
            checks.append(_SIMPLE[keyword](value))
        elif keyword in _NESTED:
            checks.append(_NESTED[keyword](value, schema, root))
        elif keyword not in _NOTES:
            raise ValueError(f"no quick check for the keyword `{keyword}`")
    return _every(checks)


def repeated(items: list[Any]) -> list[int]:
    """Positions of the items that are equal to an earlier one."""
    seen: set[str] = set()
    found = []
    for index, item in enumerate(items):
        key = item if item.__class__ is str else "\0" + json.dumps(item, sort_keys=True)
        if key in seen:
            found.append(index)
        seen.add(key)
    return found


def _every(checks: list[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks
        return lambda value: first(value) and second(value)

    def check(value: Any) -> bool:
        for one in checks:  # noqa: SIM110 - a generator costs more than the checks themselves
            if not one(value):
                return False
        return True

    return check


def _type(name: str) -> Check:
    wanted = _TYPES[name]
    return lambda value: value.__class__ is wanted


def _enum(values: list[str]) -> Check:
    allowed = frozenset(values)
    return lambda value: value.__class__ is str and value in allowed


def _pattern(pattern: str) -> Check:
    search = re.compile(pattern).search
    return lambda value: value.__class__ is not str or search(value) is not None


def _least(kind: type[Sized]) -> Callable[[int], Check]:
    return lambda limit: lambda value: value.__class__ is not kind or len(value) >= limit


def _most(kind: type[Sized]) -> Callable[[int], Check]:
    return lambda limit: lambda value: value.__class__ is not kind or len(value) <= limit


def _minimum(limit: int) -> Check:
    return lambda value: value.__class__ is not int or value >= limit


def _maximum(limit: int) -> Check:
    return lambda value: value.__class__ is not int or value <= limit


def _unique(wanted: bool) -> Check:
    return lambda value: not wanted or value.__class__ is not list or not repeated(value)


def _required(names: list[str]) -> Check:
    wanted = frozenset(names)
    return lambda value: value.__class__ is not dict or wanted <= value.keys()


def _properties(properties: Schema, _schema: Schema, root: Schema) -> Check:
    checks = {key: compile_check(item, root) for key, item in properties.items()}

    def check(value: Any) -> bool:
        if value.__class__ is dict:
            for key, item in value.items():
                if key in checks and not checks[key](item):
                    return False
        return True

    return check


def _additional(wanted: bool | Schema, schema: Schema, root: Schema) -> Check:
    known = frozenset(schema.get("properties", ()))
    if isinstance(wanted, bool):
        return lambda value: wanted or value.__class__ is not dict or value.keys() <= known
    rest = compile_check(wanted, root)

    def check(value: Any) -> bool:
        return value.__class__ is not dict or all(rest(value[key]) for key in value if key not in known)

    return check


def _property_names(names: Schema, _schema: Schema, root: Schema) -> Check:
    name = compile_check(names, root)
    return lambda value: value.__class__ is not dict or all(map(name, value))


def _items(items: Schema, _schema: Schema, root: Schema) -> Check:
    item = compile_check(items, root)
    return lambda value: value.__class__ is not list or all(map(item, value))


def _ref(target: str, _schema: Schema, root: Schema) -> Check:
    found: Any = root
    for part in target.removeprefix("#/").split("/"):
        found = found[part]
    return compile_check(found, root)


def _any_of(schemas: list[Schema], _schema: Schema, root: Schema) -> Check:
    checks = [compile_check(schema, root) for schema in schemas]
    return lambda value: any(check(value) for check in checks)


_SIMPLE: dict[str, Callable[[Any], Check]] = {
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "required": _required,
    "uniqueItems": _unique,
    "minLength": _least(str),
    "maxLength": _most(str),
    "minItems": _least(list),
    "maxItems": _most(list),
    "minProperties": _least(dict),
    "maxProperties": _most(dict),
    "minimum": _minimum,
    "maximum": _maximum,
}
_NESTED: dict[str, Callable[[Any, Schema, Schema], Check]] = {
    "$ref": _ref,
    "anyOf": _any_of,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "items": _items,
}
