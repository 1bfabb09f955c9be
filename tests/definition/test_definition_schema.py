"""The schemas themselves: sound, closed, described, and no looser than the dataclasses they become."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from example_files import EXAMPLES, read
from jsonschema import Draft202012Validator

from envcatalog.definition.reader import SettingsReading, read_environment, read_settings
from envcatalog.definition.schema import SchemaName, load_schema, schema_path
from envcatalog.model.policy import Policy, ReservedRule
from envcatalog.model.settings import CondaChannel, DebianMirror, MavenRepository, PackageIndex, Settings

NAMES: list[SchemaName] = ["environment", "catalog"]


SIBLINGS: dict[str, dict[str, Any]] = {
    "python": {"version": "3.11"},
    "inference": {"port": 80},
    "deprecated": {"reason": "a", "versions": "1"},
    "conda": {"channels": ["a"], "packages": ["b"]},
    "spark": {"version": "3.5"},
}


def subschemas(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema, without the examples in it."""
    yield path, schema
    for key in ("properties", "$defs"):
        for name, item in schema.get(key, {}).items():
            yield from subschemas(item, f"{path}/{name}")
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(key), dict):
            yield from subschemas(schema[key], f"{path}/{key}")


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_valid_and_where_it_is_said_to_be(name: SchemaName) -> None:
    Draft202012Validator.check_schema(load_schema(name))
    assert load_schema(name)["$id"].endswith(f"/{schema_path(name).name}")


@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_closed_and_every_key_described(name: SchemaName) -> None:
    for path, schema in subschemas(load_schema(name)):
        if schema.get("type") == "object":
            assert "additionalProperties" in schema, path
        for key, item in schema.get("properties", {}).items():
            assert item.get("description", "").endswith("."), f"{path}/{key}"
            if item.get("type") != "object" or "examples" in item:
                assert item["examples"], f"{path}/{key}"


@pytest.mark.parametrize("name", NAMES)
def test_no_pattern_takes_a_line_end(name: SchemaName) -> None:
    patterns = [
        (path, schema["pattern"]) for path, schema in subschemas(load_schema(name)) if "pattern" in schema
    ]
    assert patterns
    texts = [
        "a",
        "aa",
        "a@b",
        "prod",
        "3.11",
        "/a",
        "1",
        "1g",
        "all",
        "oci:a",
        "a/b",
        "",
        "https://a/b",
        "wheels",
        "2026-12-31",
        "1GB",
        "__cuda",
        "a:b:1",
        "a.jar",
        "spark.a",
    ]
    for path, pattern in patterns:
        matching = [text for text in texts if re.search(pattern, text)]
        assert matching, path
        assert not any(re.search(pattern, text + "\n") for text in matching), path


@pytest.mark.parametrize("name", NAMES)
def test_every_pattern_has_words_for_people(name: SchemaName) -> None:
    for path, schema in subschemas(load_schema(name)):
        assert ("pattern" in schema) == ("patternErrorMessage" in schema), path


def test_the_examples_of_the_schema_are_valid() -> None:
    for path, schema in subschemas(load_schema("environment")):
        parts = path.split("/")[1:]
        if not parts or parts[0] in ("items", "name", "alias", "line", "path", "words", "port", "route"):
            continue
        for example in schema.get("examples", ()):
            value: Any = example
            for part in reversed(parts):
                value = {part: value}
            siblings = SIBLINGS.get(parts[0], {})
            inner = {**siblings, **value[parts[0]]} if isinstance(value[parts[0]], dict) else value[parts[0]]
            whole = {"name": "example", "base": {"debian": "bookworm"}, parts[0]: inner}
            if parts[0] == "dockerfile":
                whole = {"name": "example", "managed": "user", parts[0]: inner}
            reading = read_environment(json.dumps(whole).encode(), path, folder="example")
            assert reading.problems == (), path
    for example in load_schema("catalog")["examples"]:
        assert read_settings(json.dumps(example).encode(), "f").problems == ()


def test_settings_are_read_whole() -> None:
    reading = read(EXAMPLES / "valid" / "settings-full.yaml")
    assert isinstance(reading, SettingsReading)
    assert reading.settings == Settings(
        registry="registry.example.com:5000/ml/envs",
        aliases=("staging", "prod"),
        indexes=(
            PackageIndex(
                name="internal", url="https://packages.example.com/simple/", packages=("acme-*", "torch")
            ),
            PackageIndex(name="wheels", url="vendor/wheels", packages=("secret-sauce",)),
        ),
        mirrors=(
            DebianMirror(
                name="main", url="https://debian.example.com/debian", suites=("{suite}", "{suite}-updates")
            ),
            DebianMirror(
                name="security",
                url="https://debian.example.com/debian-security",
                suites=("{suite}-security", "{suite}/updates"),
            ),
            DebianMirror(name="archive", url="file:///srv/snapshot"),
        ),
        channels=(
            CondaChannel(name="folder", url="channels/own"),
            CondaChannel(name="internal", url="https://conda.example.com/internal"),
        ),
        maven=(
            MavenRepository(name="internal", url="https://maven.example.com/releases"),
            MavenRepository(name="folder", url="vendor/jars"),
        ),
        keyring="keys/debian.gpg",
        layers=60,
        reserved=("curated-", "team-"),
        policy=Policy(reserved=ReservedRule(owners=("@acme/platform",))),
    )
    empty = read(EXAMPLES / "valid" / "settings-empty.yaml")
    assert isinstance(empty, SettingsReading)
    assert empty.settings == Settings()


BAD_IMAGES = {
    "python:3.12": "names no registry",
    "library/python:3.12": "names no registry",
    "registry.example.com/python": "names no tag",
    "registry.example.com/Python:1": "is not an image reference",
    "user:secret@registry.example.com/python:1": "is not an image reference",
    "registry.example.com/a/../b:1": "is not an image reference",
    "registry.example.com/a:1@sha256:12": "is not an image reference",
    "oci:/srv/images:a": "is an absolute path",
    "oci:../images:a": "leaves its folder",
    "oci:a/../../b:c": "leaves its folder",
    "oci:a": "is not an OCI layout reference",
    "oci:a//b:c": "is not an OCI layout reference",
}


@pytest.mark.parametrize("image", BAD_IMAGES)
def test_bad_images(image: str) -> None:
    text = f'name: example\nbase: {{image: "{image}"}}\n'
    (problem,) = read_environment(text.encode(), "f", folder="example").problems
    assert (problem.code, problem.message) == (
        "image-reference",
        f"`base.image` `{image}` {BAD_IMAGES[image]}",
    )


@pytest.mark.parametrize(
    "image",
    [
        "registry.example.com/python:3.12",
        "localhost:5000/a/b:1",
        "127.0.0.1:5000/ml/base:v1",
        "reg:5000/a:1",
        f"registry.example.com/a@sha256:{'a' * 64}",
        "oci:images:base:1",
        "oci:a/b/c:latest",
    ],
)
def test_good_images(image: str) -> None:
    text = f'name: example\nbase: {{image: "{image}"}}\n'
    assert read_environment(text.encode(), "f", folder="example").problems == ()
