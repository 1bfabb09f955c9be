"""The canonical form: golden digests, and what must never change them.

A golden digest that changes makes every lock of every catalog stale. If that is meant, raise `FORMAT` with it.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from example_files import EXAMPLES, read
from hypothesis import given, settings
from hypothesis import strategies as st
from test_definition_properties import FULL

from envcatalog.definition.canonical import definition_digest, definition_json, definition_values
from envcatalog.definition.reader import Reading, read_environment
from envcatalog.model.environment import Environment

GOLDEN = {
    "block-style": "sha256:96d687c00cd36dc46e181fee3f486ba2c37287d452e2afdf6c8f445bb4da2777",
    "checks": "sha256:8db16ee70287b51bdd018b35efe5a411f4a0d0a1a40debfe16a319e2447f52a0",
    "conda": "sha256:fd7659444a58ce21e5d2918c19ff289e8793613b166ff5597e4c2c299867870d",
    "dates-are-text": "sha256:237ef8ca84b26d2f939dc219b3cdb15814f0f68317cb86ae96b74ed35aaeb75b",
    "lifecycle": "sha256:316e5df31d7bdcc145299aba0760e96abbef954fd910d7c5e5124367a0cdbc91",
    "managed": "sha256:1c91ec2076464592c66b83ecc1f1772eb076355eb6797234015c4f10eb9c6a02",
    "minimal": "sha256:b88869693f1c4a3dcc87ffee74fd68e4c2e3a2d0249b48ce3a84b960c238694e",
    "oci-base": "sha256:171f19711ab0b6290a0706b83fa68b83c1aba1b1c993d31d163288c477057a79",
    "sklearn": "sha256:d07c81c81db491395f212f8c03ea1c2abe7e3de204eb8447d07a4dc71802d2c3",
    "r": "sha256:800542492448292a52003e5c2058da4f3f5befe8464ad7c67a1150636e360d04",
    "spark": "sha256:b6717a871248f6c46552f03b04dafd4895544ef2121a1494e8c7ffa7334de682",
}


def environment(value: dict[str, Any] | str) -> Environment:
    text = value if isinstance(value, str) else json.dumps(value)
    reading = read_environment(text.encode(), "f", folder="example")
    assert reading.problems == ()
    assert reading.environment is not None
    return reading.environment


def digest(value: dict[str, Any] | str) -> str:
    return definition_digest(environment(value))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_digests(name: str) -> None:
    reading = read(EXAMPLES / "valid" / f"{name}.yaml")
    assert isinstance(reading, Reading)
    assert reading.environment is not None
    assert definition_digest(reading.environment) == GOLDEN[name]


def test_every_valid_example_has_a_golden_digest() -> None:
    names = {path.stem for path in (EXAMPLES / "valid").glob("*.yaml")}
    assert {name for name in names if not name.startswith("settings-")} == set(GOLDEN)


def test_golden_bytes() -> None:
    assert definition_json(environment("name: example\nbase: {debian: bookworm}\n")) == (
        b'{"base":{"debian":"bookworm"},"format":1,"name":"example","platforms":["linux/amd64"]}'
    )
    assert definition_json(environment(FULL)) == (
        b'{"apt":["g++","libgomp1"],"base":{"debian":"bookworm"},"checks":["true"],"container":{"entrypoint":["a"],'
        b'"gpus":"all","ports":[80],"user":"1000","workdir":"/a"},"format":1,"inference":{"liveness":"/","port":80},'
        b'"name":"example","platforms":["linux/amd64"],"python":{"interpreter":"/usr/bin/python3.11",'
        b'"packages":["numpy"],"version":"3.11"},"variables":{"A":"1"}}'
    )


@pytest.mark.parametrize("key", ["description", "owners", "tags", "aliases", "deprecated", "archived"])
def test_metadata_never_changes_the_digest(key: str) -> None:
    without = {name: item for name, item in FULL.items() if name != key}
    assert digest(without) == digest(FULL)


@pytest.mark.parametrize(
    "key",
    sorted(
        set(FULL)
        - {"description", "owners", "tags", "aliases", "deprecated", "archived", "platforms", "name"}
    ),
)
def test_everything_else_changes_it(key: str) -> None:
    without = {name: item for name, item in FULL.items() if name != key}
    if key == "base":
        without["base"] = {"debian": "trixie"}
    assert digest(without) != digest(FULL)


@pytest.mark.parametrize("key", ["user", "workdir", "entrypoint", "ports", "gpus"])
def test_every_container_setting_changes_it(key: str) -> None:
    container = {name: item for name, item in FULL["container"].items() if name != key}
    assert digest({**FULL, "container": container}) != digest(FULL)


def test_defaults_written_out_change_nothing() -> None:
    bare = "name: example\nbase: {debian: bookworm}\n"
    written = (
        bare + "platforms: [linux/amd64]\napt: []\nvariables: {}\nchecks: []\ncontainer: {command: []}\n"
    )
    assert digest(written) == digest(bare)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Scikit_Learn >= 1.0, <2", "scikit-learn<2,>=1.0"),
        ("uvicorn[Standard,a_b]", "uvicorn[a-b, standard]"),
        ('numpy ; python_version<"3.13"', "numpy; python_version < '3.13'"),
        ("numpy==1,==1", "numpy==1"),
    ],
)
def test_spellings_of_a_requirement_are_one(one: str, other: str) -> None:
    def with_package(text: str) -> dict[str, Any]:
        return {**FULL, "python": {"version": "3.11", "packages": [text]}}

    assert digest(with_package(one)) == digest(with_package(other))
    assert definition_values(environment(with_package(one))) == definition_values(
        environment(with_package(other))
    )


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_means_nothing_where_it_means_nothing(chance: random.Random) -> None:
    value = {
        **FULL,
        "apt": ["libgomp1", "g++", "libssl3"],
        "platforms": ["linux/amd64", "linux/arm64"],
        "variables": {"A": "1", "B": "2", "C": "3"},
        "container": {"ports": [80, 81, 82], "user": "1000"},
        "python": {"packages": ["numpy", "pandas>=2,<3", "scipy"], "version": "3.11"},
    }
    assert digest(shuffled(value, chance)) == digest(value)


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, shuffled(item, chance)) for key, item in value.items()]
        chance.shuffle(items)
        return dict(items)
    return chance.sample(value, len(value)) if isinstance(value, list) else value


@pytest.mark.parametrize("key", ["entrypoint", "command"])
def test_order_means_something_in_commands(key: str) -> None:
    one, other = ({**FULL, "container": {key: words}} for words in (["a", "b"], ["b", "a"]))
    assert digest(one) != digest(other)
