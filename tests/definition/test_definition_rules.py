"""Rules between files, and the order of building."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.definition.order import base_first
from envcatalog.definition.reader import Reading, read_environment
from envcatalog.definition.rules.catalog import MAX_BASES, check_catalog
from envcatalog.model.environment import DebianBase, Environment, EnvironmentBase
from envcatalog.model.settings import Settings

SETTINGS = Settings(aliases=("staging", "prod"))


def readings(**files: str) -> dict[str, Reading]:
    return {
        name: read_environment(
            f"name: {name}\n{text}\n".encode(), f"catalog/{name}/environment.yaml", folder=name
        )
        for name, text in files.items()
    }


def found(**files: str) -> list[str]:
    catalog = readings(**files)
    assert all(reading.problems == () for reading in catalog.values())
    return [
        f"{p.file.split('/')[1]}:{p.line}:{p.column} {p.code}: {p.message}"
        + (f" | {p.hint}" if p.hint else "")
        for p in check_catalog(catalog, SETTINGS)
    ]


def test_a_sound_catalog_has_no_problem() -> None:
    assert (
        found(
            root='base: {debian: bookworm}\npython: {version: "3.11"}\nplatforms: [linux/amd64, linux/arm64]',
            child='base: {environment: root}\npython: {version: "3.11", packages: [numpy]}\napt: [libgomp1]',
            leaf="base: {environment: child}\naliases: {staging: 1, prod: 1}",
            other='base: {image: "registry.example.com/a:1"}\npython: {version: "3.12"}',
        )
        == []
    )


def test_an_unknown_base_names_the_nearest() -> None:
    assert found(sklearn="base: {debian: bookworm}", a="base: {environment: skleran}") == [
        "a:2:21 base-unknown: there is no environment `skleran` in this catalog | did you mean `sklearn`?"
    ]
    assert found(a="base: {environment: zzz}") == [
        "a:2:21 base-unknown: there is no environment `zzz` in this catalog"
        " | `envcat list` shows the environments there are"
    ]


def test_a_base_with_problems_of_its_own_is_known() -> None:
    catalog = readings(broken="base: {debian: BOOKWORM}", a="base: {environment: broken}")
    assert catalog["broken"].environment is None
    assert check_catalog(catalog, SETTINGS) == ()


def test_circles_are_named_in_each_of_their_files() -> None:
    hint = "give one of them another base"
    circle = found(
        a="base: {environment: b}", b="base: {environment: c}", c="base: {environment: a}",
        outside="base: {environment: a}", own="base: {environment: own}",
    )  # fmt: skip
    assert circle == [
        f"a:2:21 base-cycle: the bases go round in a circle: `a` -> `b` -> `c` -> `a` | {hint}",
        f"b:2:21 base-cycle: the bases go round in a circle: `b` -> `c` -> `a` -> `b` | {hint}",
        f"c:2:21 base-cycle: the bases go round in a circle: `c` -> `a` -> `b` -> `c` | {hint}",
        "outside:2:21 base-depth: more than 16 environments lie below this one"
        " | begin with an environment nearer to the root",
        f"own:2:21 base-cycle: the bases go round in a circle: `own` -> `own` | {hint}",
    ]


def test_a_chain_has_an_end() -> None:
    chain = {f"e{number}": f"base: {{environment: e{number - 1}}}" for number in range(1, MAX_BASES + 3)}
    deep = found(e0="base: {debian: bookworm}", **chain)
    assert [line.split(" ")[1] for line in deep] == ["base-depth:", "base-depth:"]


def test_a_child_keeps_to_its_base() -> None:
    assert found(
        image='base: {image: "registry.example.com/a:1"}\npython: {version: "3.12"}',
        child='base: {environment: image}\napt: [libgomp1]\nplatforms: [linux/arm64]\npython: {version: "3.11"}',
        own='base: {environment: image}\npython: {version: "3.12", interpreter: /opt/python}',
        same='base: {environment: image}\npython: {version: "3.12", interpreter: /usr/local/bin/python3.12}',
    ) == [
        "child:3:6 apt-base: `apt` needs a Debian base, and the base in the end is an image"
        " | begin with `base: {debian: ...}`, or install the packages in the base image",
        "child:4:12 platform-base: the base `image` is not built for `linux/arm64`"
        " | add the platform to `image`, or remove it here",
        "child:5:19 python-base: `python.version` is `3.11`, and the base `image` has `3.12`"
        ' | write `version: "3.12"`, or choose another base',
        "own:3:40 python-base: `python.interpreter` is not the one of the base `image`,"
        " `/usr/local/bin/python3.12` | leave the key out",
    ]


def test_aliases_are_those_of_the_catalog() -> None:
    assert found(a="base: {debian: bookworm}\naliases: {prd: 1, blue: 2, staging: 3}") == [
        "a:3:11 alias-unknown: the catalog has no alias `prd` | did you mean `prod`?",
        "a:3:19 alias-unknown: the catalog has no alias `blue` | add it to `aliases` in `catalog/catalog.yaml`",
    ]


def environment(name: str, base: str | None) -> Environment:
    return Environment(
        name=name, base=EnvironmentBase(environment=base) if base else DebianBase(suite="bookworm")
    )


def test_base_first() -> None:
    bases = {"a": "z", "z": "m", "m": None, "b": None, "y": "elsewhere"}
    assert base_first({name: environment(name, base) for name, base in bases.items()}) == (
        "b",
        "m",
        "y",
        "z",
        "a",
    )
    assert base_first({}) == ()


def test_a_circle_has_no_order() -> None:
    with pytest.raises(ValueError, match=r"^the bases of these environments form a cycle: a, b$"):
        base_first({"a": environment("a", "b"), "b": environment("b", "a"), "c": environment("c", None)})


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")))
def test_bases_always_come_first(bases: dict[str, str]) -> None:
    environments = {name: environment(name, base) for name, base in bases.items() if base < name}
    order = base_first(environments)
    assert sorted(order) == sorted(environments)
    for name in order:
        base = bases[name]
        assert base not in environments or order.index(base) < order.index(name)


def test_a_large_catalog_of_one_chain_is_quick() -> None:
    environments = {f"e{n}": environment(f"e{n}", f"e{n - 1}" if n else None) for n in range(20_000)}
    assert base_first(environments)[-1] == "e19999"
