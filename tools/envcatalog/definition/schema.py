"""The JSON Schemas: where they are, and two ways to ask them.

`quick_check` is compiled from the schema itself and only says yes or no; nearly every file in a catalog is
valid, so nearly every file needs no more. When it says no, jsonschema says what is wrong. A property test
holds the two equal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from envcatalog.definition.quick import Check, compile_check, repeated

SchemaName = Literal["environment", "catalog"]


def schema_path(name: SchemaName) -> Path:
    """The schema's file: within the installed package, or at the root of a checkout."""
    file = f"{name}.schema.json"
    installed = Path(__file__).parents[1] / "schemas" / file
    return installed if installed.exists() else Path(__file__).parents[3] / "schemas" / file


@cache
def load_schema(name: SchemaName) -> dict[str, Any]:
    """The schema as plain values; shared, so not to be changed."""
    schema: dict[str, Any] = json.loads(schema_path(name).read_bytes())
    return schema


@cache
def quick_check(name: SchemaName) -> Check:
    """True for exactly those values that are valid."""
    root = load_schema(name)
    return compile_check(root, root)


def schema_errors(name: SchemaName, value: Any) -> Iterator[Any]:
    """What jsonschema has to say; `uniqueItems` errors point at the repeated item."""
    yield from _validator(name).iter_errors(value)


@cache
def _validator(name: SchemaName) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend
    from referencing import Registry

    def unique(_validator: Any, wanted: bool, items: Any, _schema: Any) -> Iterator[Any]:
        if wanted and isinstance(items, list):  # jsonschema's own compares every pair of mixed lists
            for index in repeated(items):
                yield ValidationError("is repeated", path=(index,))

    # An empty registry: a reference to anything outside the schema is an error, never a download.
    with_unique = extend(Draft202012Validator, {"uniqueItems": unique})  # type: ignore[no-untyped-call]
    return with_unique(load_schema(name), registry=Registry())
