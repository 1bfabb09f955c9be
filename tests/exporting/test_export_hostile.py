"""Whatever a definition holds, an exported file says just that, and nothing of it is obeyed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import BASE, FULL, IMAGE, PLAIN, conda_package, lock, on_image, text_of, written

from envcatalog.definition.writing.dump import dump_yaml
from envcatalog.formats.outgoing.toml import toml_inline, toml_key, toml_string
from envcatalog.formats.outgoing.write_dockerfile import quote
from envcatalog.model.environment import Conda, Container, Environment, Python
from support.servers import program

HOSTILE = [
    "plain",
    "two  words ",
    "it's",
    'say "yes"',
    "back\\slash",
    "trailing\\",
    "$HOME ${HOME} $(id) `id`",
    "${localEnv:SECRET_TOKEN}",
    "$(PATH) $$(PATH) $",
    "a: b # c",
    "- x",
    "{{ template }} {% x %} <% y %>",
    "%YAML 1.1",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "no",
    "1e3",
    "22:22",
    "~",
    "=",
    "\t tab",
    "é ü 漢字 🚀",
    "\x1b[31m\x07",
    "nel\x85ls\u2028ps\u2029bom\ufeff",
    "\x7f\x80\x9f",
    "\u202eright to left",
    "#!/bin/sh",
    "<script>alert(1)</script>",
    "::error::x",
    "--index-url=https://evil.example.com",
]
ONE_LINE = st.text(
    alphabet=st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=30
)
NAMES = st.sampled_from(["A", "Y", "no", "_b", "OMP_NUM_THREADS"])
VARIABLES = st.dictionaries(NAMES, ONE_LINE | st.sampled_from(HOSTILE), max_size=4)
PLAIN_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.text(max_size=12) | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def on(environment: Environment, variables: dict[str, str]) -> Environment:
    """With these variables."""
    return replace(environment, variables=tuple(sorted(variables.items())))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(max_size=6), PLAIN_VALUES, max_size=4))
def test_yaml_reads_back(value: dict[str, Any]) -> None:
    text = dump_yaml(value)
    assert yaml.safe_load(text) == (value or None)
    assert yaml.load(text, Loader=yaml.CSafeLoader) == (value or None)


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text())
def test_toml_reads_back(key: str, text: str) -> None:
    pieces = f"{toml_key(key)} = {toml_string(text)}\nt = {toml_inline({key: toml_string(text)})}\n"
    read = tomllib.loads(pieces if key != "t" else f"t = {toml_string(text)}")
    assert read[key] == text


@settings(max_examples=100, deadline=None)
@given(VARIABLES)
def test_conda_gets_a_variable_as_it_is_or_not_at_all(variables: dict[str, str]) -> None:
    done = written("conda", on(PLAIN, variables))
    held = yaml.safe_load(done.files[0].text).get("variables", {})
    named = {item.text.partition(":")[0].removeprefix("variables.") for item in done.left if item.lost}
    assert held == {name: value for name, value in variables.items() if name not in named}
    assert all(variables[name] == "" or set(variables[name]) & set("'\"$`\\!") for name in named)


@settings(max_examples=100, deadline=None)
@given(VARIABLES)
def test_pixi_gets_a_variable_as_it_is_or_not_at_all(variables: dict[str, str]) -> None:
    done = written("pixi", replace(on(PLAIN, variables), conda=Conda(channels=("local",))))
    held = tomllib.loads(done.files[0].text).get("activation", {}).get("env", {})
    named = {item.text.partition(":")[0].removeprefix("variables.") for item in done.left if item.lost}
    assert held == {name: value for name, value in variables.items() if name not in named}


@pytest.mark.parametrize("value", HOSTILE)
def test_what_conda_and_pixi_would_write_into_a_script_is_no_command(value: str, tmp_path: Path) -> None:
    """Their own templates: conda's ``export A='value'`` and pixi's ``export A="value"``."""
    done = written("conda", on(PLAIN, {"A": value}))
    held = yaml.safe_load(done.files[0].text).get("variables", {}).get("A")
    if held is None:
        return
    for template in ("export A='%s'", 'export A="%s"'):
        script = tmp_path / "activate.sh"
        script.write_text(template % held + "\nprintf '%s' \"$A\"\n")
        ran = subprocess.run(["sh", str(script)], cwd=tmp_path, capture_output=True, check=True)
        assert ran.stdout.decode() == value
    assert sorted(path.name for path in tmp_path.iterdir()) == ["activate.sh"]


def expanded(value: str, known: dict[str, str]) -> str:
    """What the kubelet makes of a value: the rules of "Dependent environment variables", written anew."""
    out = ""
    while value:
        sign, value = value[0], value[1:]
        if sign != "$" or not value:
            out += sign
        elif value[0] == "$":
            out, value = out + "$", value[1:]
        elif value[0] == "(" and ")" in value:
            name, _, value = value[1:].partition(")")
            out += known.get(name, f"$({name})")
        else:
            out, value = out + sign + value[0], value[1:]
    return out


@settings(max_examples=100, deadline=None)
@given(VARIABLES)
def test_kubernetes_gets_every_variable_as_it_is(variables: dict[str, str]) -> None:
    job = yaml.safe_load(text_of("kubernetes", on(PLAIN, variables), image=IMAGE))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env = {item["name"]: item["value"] for item in container.get("env", [])}
    assert env.keys() == variables.keys()
    known = {"PATH": "wrong", "A": "wrong", "HOME": "wrong"}
    assert {name: expanded(value, known) for name, value in env.items()} == variables


def test_the_rules_of_kubernetes_would_expand_what_is_not_escaped() -> None:
    assert expanded("$(PATH) $$(PATH) $x $", {"PATH": "p"}) == "p $(PATH) $x $"


@settings(max_examples=100, deadline=None)
@given(VARIABLES)
def test_a_devcontainer_gets_what_its_tools_do_not_replace(variables: dict[str, str]) -> None:
    done = written("devcontainer", on(PLAIN, variables), image=IMAGE)
    env = json.loads(done.files[0].text).get("containerEnv", {})
    assert env == {name: value for name, value in variables.items() if "${" not in value}
    named = {item.text.partition(":")[0] for item in done.left}
    assert named == {f"variables.{name}" for name in variables.keys() - env.keys()}


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.dictionaries(st.sampled_from(["a", "no", "3.10"]), ONE_LINE, max_size=3))
def test_azureml_gets_description_and_tags_as_they_are(description: str, tags: dict[str, str]) -> None:
    environment = replace(PLAIN, description=description, tags=tuple(sorted(tags.items())))
    read = yaml.safe_load(text_of("azureml", environment, image=IMAGE))
    assert read.get("description", "") == description
    assert read.get("tags", {}) == tags


def test_dependencies_of_a_channel_are_text_in_a_conda_lock_file() -> None:
    package = conda_package(
        "numpy", "1.0", "python >=3.11,<3.12.0a0", "python_abi 3.11.* *_cp311", "no", "python !=3.11.5"
    )
    environment = replace(PLAIN, conda=Conda(channels=("no", "3.10")))
    read = yaml.safe_load(text_of("conda-lock", environment, lock(conda=[package])))
    assert read["package"][0]["dependencies"] == {
        "no": "",
        "python": ">=3.11,<3.12.0a0,!=3.11.5",
        "python_abi": "3.11.* *_cp311",
    }
    assert read["metadata"]["channels"] == [{"url": name, "used_env_vars": []} for name in ("no", "3.10")]


WORDS = (*HOSTILE, "two\nlines", "", "[", "#", "\\")


@pytest.mark.engine
def test_an_engine_reads_a_dockerfile_as_it_is_meant(docker_engine: str, tmp_path: Path) -> None:
    """Every hostile value through a real build: variables, labels, command, user, ports."""
    from docker import APIClient

    variables = {f"V{number}": value for number, value in enumerate(HOSTILE)}
    container = Container(
        user="1000:100", workdir="/home/app", entrypoint=WORDS, command=("x",), ports=(80, 443), shm_size="2g"
    )
    environment = on_image(replace(on(PLAIN, variables), python=None, container=container))
    lines = text_of("dockerfile", environment, lock(), base=BASE).split("\n")
    assert lines[2] == f"FROM registry.example.com:5000/library/python@{BASE.digest}"
    (tmp_path / "Dockerfile").write_text("\n".join([*lines[:2], "FROM scratch", *lines[3:]]))
    client = APIClient(base_url=docker_engine, version="auto")
    try:
        steps = list(client.build(path=str(tmp_path), rm=True, forcerm=True, decode=True))
        ids = [step["aux"]["ID"] for step in steps if "aux" in step]
        assert ids, steps[-1]
        config = client.inspect_image(ids[-1])["Config"]
        client.remove_image(ids[-1], force=True)
    finally:
        client.close()
    env = dict(pair.partition("=")[::2] for pair in config["Env"])
    env.pop("PATH", None)
    assert env == variables
    assert config["Entrypoint"] == list(WORDS)
    assert (config["Cmd"], config["User"], config["WorkingDir"]) == (["x"], "1000:100", "/home/app")
    assert config["ExposedPorts"].keys() == {"80/tcp", "443/tcp"}
    assert config["Labels"] == {"io.envcatalog.shm-size": "2g"}


def test_only_the_base_own_path_is_replaced() -> None:
    assert quote("/opt/x:${PATH}:$HOME", expand=True) == '"/opt/x:${PATH}:\\$HOME"'
    assert quote("${PATH}") == '"\\${PATH}"'


def test_hadolint_finds_nothing(tmp_path: Path) -> None:
    """Also with hostile values, which it would take for commands were they not quoted."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or program("hadolint")
    # Its parser takes `\\"` at the end of a value for an escaped quote; the engine does not.
    values = [value for value in HOSTILE if not value.endswith("\\")]
    environment = replace(on(FULL, {f"V{n}": v for n, v in enumerate(values)}), conda=None, spark=None)
    built = text_of("dockerfile", environment, lock())
    from_image = text_of("dockerfile", FULL, image=IMAGE)
    for name, text in (("built", built), ("from_image", from_image)):
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            [hadolint, "--no-color", str(tmp_path / name)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "")


def test_a_requirement_is_one_item_of_a_conda_file() -> None:
    python = Python(version="3.11", packages=('a; python_version < "4"', "b[c]>=1,<2", "d # e"))
    read = yaml.safe_load(text_of("conda", replace(PLAIN, python=python)))
    assert read["dependencies"] == ["python=3.11", "pip", {"pip": list(python.packages)}]
