"""What holds for any text and any value: nothing raises, and the quick check agrees with jsonschema."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as PackagingRequirement
from referencing import Registry

from envcatalog.definition import requirements
from envcatalog.definition.quick import compile_check
from envcatalog.definition.reader import read_environment, read_settings
from envcatalog.definition.schema import SchemaName, load_schema, quick_check, schema_errors
from envcatalog.definition.text.scalars import read_plain, write_scalar

FULL: dict[str, Any] = {
    "name": "example",
    "description": "text",
    "owners": ["@acme/ml", "a@example.com"],
    "tags": {"a": "b"},
    "aliases": {"prod": 3},
    "deprecated": {"versions": "1-2,4", "reason": "old", "replacement": "other@5", "until": "2026-12-31"},
    "archived": True,
    "base": {"debian": "bookworm"},
    "apt": ["libgomp1", "g++"],
    "python": {"version": "3.11", "interpreter": "/usr/bin/python3.11", "packages": ["numpy"]},
    "variables": {"A": "1"},
    "container": {"user": "1000", "workdir": "/a", "entrypoint": ["a"], "ports": [80], "gpus": "all"},
    "inference": {"port": 80, "liveness": "/"},
    "platforms": ["linux/amd64"],
    "checks": ["true"],
}
FULL_SETTINGS: dict[str, Any] = {
    "registry": "registry.example.com/ml",
    "aliases": ["staging", "prod"],
    "indexes": {"internal": {"url": "https://packages.example.com/simple", "packages": ["acme-*"]}},
    "debian": {
        "mirrors": {"m": {"url": "https://d.example.com/debian", "suites": ["{suite}"]}},
        "keyring": "/k.gpg",
    },
    "build": {"layers": 40},
    "reserved": ["curated-"],
}

words = st.one_of(
    st.text(max_size=12),
    st.text(alphabet="abAB01-._/:@*\n {}+", max_size=12),
    st.sampled_from(
        ["name", "base", "packages", "example\n", "/..", "/a/../b", "latest", "3.10", "a" * 65, "é"]
    ),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-2, 10**10), words)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


@st.composite
def damaged(draw: st.DrawFn, whole: dict[str, Any]) -> Any:
    """A valid value with some of its parts replaced, removed, repeated or added to."""
    value: Any = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(places(value)))
        if not path:
            continue
        around = value
        for part in path[:-1]:
            around = around[part]
        change = draw(st.sampled_from(["replace", "remove", "add", "repeat"]))
        if change == "remove":
            del around[path[-1]]
        elif change == "replace":
            around[path[-1]] = draw(values)
        elif isinstance(around, dict):
            around[draw(words)] = draw(values)
        else:
            around.append(around[path[-1]] if change == "repeat" else draw(values))
    return value


def explained(name: SchemaName, value: Any) -> bool:
    return not any(True for _ in schema_errors(name, value))


def plainly(name: SchemaName, value: Any) -> bool:
    validator = Draft202012Validator(load_schema(name), registry=Registry())
    return bool(validator.is_valid(value))


@settings(max_examples=400, deadline=None)
@given(damaged(FULL) | values)
def test_the_quick_check_agrees_with_jsonschema_on_definitions(value: Any) -> None:
    quick = quick_check("environment")(value)
    assert quick == explained("environment", value) == plainly("environment", value)


@settings(max_examples=200, deadline=None)
@given(damaged(FULL_SETTINGS) | values)
def test_the_quick_check_agrees_with_jsonschema_on_settings(value: Any) -> None:
    quick = quick_check("catalog")(value)
    assert quick == explained("catalog", value) == plainly("catalog", value)


def test_a_keyword_without_a_quick_check_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^no quick check for the keyword `oneOf`$"):
        compile_check({"oneOf": []}, {})


@settings(max_examples=300, deadline=None)
@given(damaged(FULL))
def test_a_definition_has_an_environment_or_a_problem(value: Any) -> None:
    # JSON is YAML, but for surrogates and a few control characters, which are problems too.
    data = json.dumps(value, ensure_ascii=True).encode()
    reading = read_environment(data, "f", folder="example")
    assert (reading.environment is None) == bool(reading.problems)
    if not quick_check("environment")(value):
        assert reading.problems
    for problem in reading.problems:
        assert (problem.message + problem.hint).isprintable()


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_raise(data: bytes) -> None:
    assert read_environment(data, "f", folder="example").problems
    assert read_settings(data, "f").problems or read_settings(data, "f").settings is not None


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["variables", "tags", "aliases", "x"]), st.text(max_size=5), values)
def test_messages_are_fit_to_print(key: str, name: str, value: Any) -> None:
    data = json.dumps({"name": "example", key: {name: value}, name: value}).encode()
    for problem in read_environment(data, "f", folder="example").problems:
        assert (problem.message + problem.hint).isprintable()
        assert len(problem.message + problem.hint) < 700


yaml_pieces = st.lists(
    st.sampled_from(
        ["name: ", "base", ": ", "{", "}", "[", "]", ", ", "- ", "\n", "  ", "&a ", "*a", "<<: ", "!!str ", "? ", "|\n",
         ">\n", "'", '"', "#", "---\n", "...\n", "%YAML 1.1\n", "\t", "3.10", "~", "x", "packages", "\\", "é"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(yaml_pieces)
def test_no_yaml_raises(text: str) -> None:
    for problem in read_environment(text.encode(), "f", folder="example").problems:
        lines = text.split("\n")
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.length >= 1
        assert (problem.message + problem.hint).isprintable()


@settings(max_examples=300, deadline=None)
@given(words)
def test_a_written_scalar_reads_back(text: str) -> None:
    data = f"name: example\nbase: {{debian: bookworm}}\ntags: {{a: {write_scalar(text)}}}\n".encode()
    reading = read_environment(data, "f", folder="example")
    if reading.environment is not None:
        assert reading.environment.tags == (("a", text),)
    else:
        assert {problem.line for problem in reading.problems} == {3}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789_.:+-eExXobinfaN", min_size=1, max_size=8))
def test_what_pyyaml_takes_for_a_number_is_never_text(text: str) -> None:
    import yaml

    try:
        theirs = yaml.safe_load(f"[{text}]")
    except (yaml.YAMLError, ValueError):
        return
    if isinstance(theirs, list) and theirs and isinstance(theirs[0], (int, float)):
        assert not isinstance(read_plain(text), str)


clauses = st.builds(
    "{}{}".format,
    st.sampled_from(["==", "!=", "<", ">", "<=", ">=", "~=", "===", "=", ""]),
    st.sampled_from(["1", "1.0", "2.2", "0", "1.*", "01", "1.0rc1", "1!2", "1.0+local", "", "x"]),
)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["numpy", "Scikit_Learn", "a.b-c", "-x", "a-", "a", "9", "nümpy"]),
    st.sampled_from(["", "[x]", "[B_b,a]", "[]", "[a,]", "[a"]),
    st.lists(clauses, max_size=3).map(",".join),
)
def test_the_quick_requirement_reader_agrees_with_packaging(name: str, extras: str, versions: str) -> None:
    text = f"{name}{extras}{versions}"
    mine = requirements.read_requirement(text)
    try:
        PackagingRequirement(text)
    except InvalidRequirement:
        assert isinstance(mine, requirements.Refused)
        return
    assert mine == requirements._read_with_packaging(text)


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="ab ;&|<>'\"\\#$", max_size=12))
def test_no_check_raises(check: str) -> None:
    data = json.dumps({"name": "example", "base": {"debian": "bookworm"}, "checks": [check]}).encode()
    reading = read_environment(data, "f", folder="example")
    if reading.environment is not None:
        assert shlex.split(reading.environment.checks[0])[0]
