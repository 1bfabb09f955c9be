"""What jsonschema finds, in our words and at the very key or value that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from envcatalog.definition.finding import Finding, Path, listed, nearest, show, show_path
from envcatalog.definition.schema import SchemaName, schema_errors
from envcatalog.definition.text.scalars import write_scalar

ValidationError = (
    Any  # jsonschema's; imported by nobody who finds no problem, and its fields are typed too loosely
)
_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "boolean": "`true` or `false`",
}


def schema_findings(name: SchemaName, value: Any) -> Iterator[Finding]:
    """One finding for each key or value that the schema refuses."""
    if not isinstance(value, dict):
        yield Finding("schema-type", f"the file holds {_kind(value)}, and must hold a mapping of keys", ())
        return
    for error in schema_errors(name, value):
        yield from _MESSAGES.get(str(error.validator), _other)(error, tuple(error.absolute_path))


def _is_name(error: ValidationError) -> bool:
    return "propertyNames" in error.absolute_schema_path


# What people write shorter than it is.
_SHAPES = {
    "base": "{debian: bookworm}",
    "conda": "{channels: [conda-forge], packages: [numpy]}",
    "dockerfile": "{path: Dockerfile}",
    "python": '{version: "3.11", packages: [numpy]}',
    "r": "{packages: [data.table]}",
    "spark": '{version: "3.5"}',
}


def _subject(error: ValidationError, path: Path) -> str:
    return show(error.instance) if _is_name(error) else f"`{show_path(path)}`"


def _at(error: ValidationError, path: Path) -> tuple[Path, bool]:
    return ((*path, error.instance), True) if _is_name(error) else (path, False)


def _type(error: ValidationError, path: Path) -> Iterator[Finding]:
    wanted, value = str(error.validator_value), error.instance
    hint = ""
    if value is None:
        message = f"`{show_path(path)}` has no value, and must be {_KINDS[wanted]}"
        hint = "give it a value, or leave the key out"
    else:
        message = f"`{show_path(path)}` must be {_KINDS[wanted]}, not {_kind(value)}"
    if wanted == "string" and isinstance(value, (bool, int)):
        hint = f'write `"{str(value).lower()}"`'
    elif wanted == "integer" and isinstance(value, str) and value.isdecimal():
        hint = f"write `{value}` without quotes"
    elif wanted == "array" and isinstance(value, str):
        hint = (
            f"write `[{write_scalar(value)}]`"
            if len(value) < 40
            else "write it as a list, each item after a `-`"
        )
    elif wanted == "object" and path and path[-1] in _SHAPES:
        hint = f"write `{path[-1]}: {_SHAPES[path[-1]]}`"
    yield Finding("schema-type", message, path, hint)


def _additional(error: ValidationError, path: Path) -> Iterator[Finding]:
    allowed = error.schema.get("properties", {})
    for key in error.instance:
        if key in allowed:
            continue
        where = f"`{show_path(path)}`" if path else "the file"
        near = nearest(key, allowed)
        home = _home(key, allowed) if not path else None
        if near:
            hint = f"did you mean `{near}`?"
        elif home:
            hint = f"`{key}` belongs into `{home}`"
        else:
            hint = f"{where} may have {listed(sorted(allowed))}"
        yield Finding(
            "schema-unknown-key", f"the key {show(key)} is not known here", (*path, key), hint, True
        )


def _home(key: str, allowed: Mapping[str, Any]) -> str | None:
    """The key of the file's top level in which this one is known."""
    return next((home for home, inner in allowed.items() if key in inner.get("properties", ())), None)


def _required(error: ValidationError, path: Path) -> Iterator[Finding]:
    # jsonschema names the missing key in its message only; it yields one error for each.
    missing = next(key for key in error.validator_value if error.message.startswith(f"{key!r} "))
    yield from _missing(error, path, missing)


def _either(error: ValidationError, path: Path) -> Iterator[Finding]:
    # Of keys of which one must be there, the first is the usual one.
    yield from _missing(error, path, error.validator_value[0]["required"][0])


def _missing(error: ValidationError, path: Path, missing: str) -> Iterator[Finding]:
    where = f"`{show_path(path)}`" if path else "the file"
    described = error.schema["properties"][missing]
    examples = described.get("examples")
    hint = (
        f"add `{missing}`, such as `{missing}: {_example(examples[0])}`" if examples else f"add `{missing}`"
    )
    yield Finding("schema-missing-key", f"{where} has no `{missing}`", path, hint, True)


def _enum(error: ValidationError, path: Path) -> Iterator[Finding]:
    allowed = [str(word) for word in error.validator_value]
    value = error.instance
    shown = show(value) if isinstance(value, str) else _kind(value)
    near = nearest(value, allowed) if isinstance(value, str) else None
    hint = f"did you mean `{near}`?" if near else ""
    message = f"`{show_path(path)}` is {shown}, and must be one of {listed(allowed)}"
    yield Finding("schema-value", message, path, hint)


def _pattern(error: ValidationError, path: Path) -> Iterator[Finding]:
    rule = error.schema.get("patternErrorMessage", "it does not have the form that is asked for")
    where, at_key = _at(error, path)
    if at_key:
        message = f"the key {show(error.instance)} in `{show_path(path)}` is not allowed: {rule}"
    else:
        message = f"`{show_path(path)}` is {show(error.instance)}, which is not allowed: {rule}"
    yield Finding("schema-pattern", message, where, _repair(error.instance, error.validator_value), at_key)


def _repair(text: str, pattern: str) -> str:
    if text != text.strip() and re.search(pattern, text.strip()):
        return "remove the white space or line end around it"
    return f"write `{text.lower()}`" if len(text) < 60 and re.search(pattern, text.lower()) else ""


def _length(error: ValidationError, path: Path) -> Iterator[Finding]:
    where, at_key = _at(error, path)
    limit, subject = error.validator_value, _subject(error, path)
    if error.validator == "minLength":
        message = f"{subject} is {'too short' if error.instance else 'empty'}"
    else:
        message = f"{subject} has {len(error.instance)} characters, and may have {limit}"
    yield Finding("schema-length", message, where, "", at_key)


def _count(error: ValidationError, path: Path) -> Iterator[Finding]:
    limit, count = error.validator_value, len(error.instance)
    if path == ("base",):
        message = "`base` must have exactly one of `debian`, `image` and `environment`"
        yield Finding("schema-count", message, path, "keep the one that the image begins with", True)
    elif str(error.validator).startswith("min"):
        yield Finding("schema-count", f"`{show_path(path)}` is empty", path, "leave the key out", True)
    else:
        message = f"`{show_path(path)}` has {count} entries, and may have {limit}"
        yield Finding("schema-count", message, path, "", True)


def _bound(error: ValidationError, path: Path) -> Iterator[Finding]:
    least, most = error.schema.get("minimum"), error.schema.get("maximum")
    message = f"`{show_path(path)}` is {error.instance}, and must be from {least} to {most}"
    yield Finding("schema-range", message, path)


def _unique(error: ValidationError, path: Path) -> Iterator[Finding]:
    value: Any = error.parent.instance if error.parent else error.instance
    if isinstance(value, list) and isinstance(path[-1], int):
        value = value[path[-1]]
    shown = show(value) if isinstance(value, str) else f"`{value}`" if isinstance(value, int) else "an item"
    yield Finding("schema-repeated", f"{shown} is repeated in `{show_path(path[:-1])}`", path, "remove it")


def _other(error: ValidationError, path: Path) -> Iterator[Finding]:
    yield Finding("schema", f"`{show_path(path)}` is not allowed by the schema ({error.validator})", path)


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    kinds = {dict: "a mapping", list: "a list", str: "a string", int: "a number"}
    return kinds.get(type(value), "something else")


def _example(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_example(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_example, value))}]"
    return write_scalar(value) if isinstance(value, str) else str(value)


_MESSAGES: dict[str, Callable[[ValidationError, Path], Iterator[Finding]]] = {
    "type": _type,
    "additionalProperties": _additional,
    "required": _required,
    "anyOf": _either,
    "enum": _enum,
    "pattern": _pattern,
    "minLength": _length,
    "maxLength": _length,
    "minItems": _count,
    "maxItems": _count,
    "minProperties": _count,
    "maxProperties": _count,
    "minimum": _bound,
    "maximum": _bound,
    "uniqueItems": _unique,
}
