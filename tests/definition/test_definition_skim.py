"""What `skim` says is what the full reader says, for every definition that is sound."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.definition.reader import read_environment
from envcatalog.definition.text.scalars import write_scalar
from envcatalog.definition.text.skim import skim

SOUND = """# yaml-language-server: $schema=../../schemas/environment.schema.json
name: demo
description: Training on CPU  # for all
owners: ["@acme/ml"]
tags: {task: training}
aliases: {prod: 3, staging: 5}

base: {debian: bookworm}
apt: [libgomp1]
python:
  version: "3.11"
  packages:
    - "pandas>=2.2,<3"
    - scikit-learn
variables: {A: "1"}
"""


def agrees(text: str) -> bool:
    """Whether it was skimmed; what was skimmed must be what the full reader reads."""
    data = text.encode(errors="surrogatepass")
    found = skim(data)
    full = read_environment(data, "x", folder="demo").environment
    if found is not None and full is not None:
        assert (found.description, found.aliases) == (full.description, full.aliases), text
        assert full.deprecated is None and not full.archived, text
    return found is not None


def test_an_ordinary_definition_is_skimmed() -> None:
    assert agrees(SOUND)
    found = skim(SOUND.encode())
    assert found is not None
    assert (found.description, found.aliases) == ("Training on CPU", (("prod", 3), ("staging", 5)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("description: Training on CPU  # for all", "description: Training\n  on CPU"),
        ("description: Training on CPU  # for all", "description: Training\n\n  on CPU"),
        ("description: Training on CPU  # for all", "description:\n  Training"),
        ("description: Training on CPU  # for all", "description: >\n  Training"),
        ("description: Training on CPU  # for all", 'description: "a\\u0041"'),
        ("description: Training on CPU  # for all", 'description: "a\ndescription: b"'),
        ("description: Training on CPU  # for all", "description: 'it''s'"),
        ("description: Training on CPU  # for all", "description: yes"),
        ("description: Training on CPU  # for all", "description: 3.10"),
        ('variables: {A: "1"}', 'variables: {A: "1",\ndescription: x}'),
        ('variables: {A: "1"}', "variables:\n  A: |\n    x\ndescription: y"),
        ('variables: {A: "1"}', "archived: true"),
        ('variables: {A: "1"}', 'deprecated: {versions: "1", reason: old}'),
        ("name: demo", '"name": demo'),
        ("name: demo", "? name\n: demo"),
        ("name: demo", "---\nname: demo"),
        ("{prod: 3, staging: 5}", "{prod: 3,\n  staging: 5}"),
        ("{prod: 3, staging: 5}", "{prod: 3, prod: 5}"),
        ("{prod: 3, staging: 5}", "&a {prod: 3}"),
        ("{prod: 3, staging: 5}", "!!map {prod: 3}"),
        ("\n", "\r\n"),
    ],
)
def test_what_needs_the_full_reader_goes_to_it(before: str, after: str) -> None:
    assert before in SOUND
    assert not agrees(SOUND.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("description: Training on CPU  # for all\n", ""),
        ("description: Training on CPU  # for all", 'description: " Größe, Zürich "'),
        ("aliases: {prod: 3, staging: 5}", "aliases:\n  staging: 5\n  prod: 3"),
        ("aliases: {prod: 3, staging: 5}\n", ""),
        ("description: Training on CPU  # for all", "description: a-b/c (d), e"),
    ],
)
def test_other_spellings_are_skimmed(before: str, after: str) -> None:
    assert agrees(SOUND.replace(before, after))


LINES = st.sampled_from(
    [
        "name: demo",
        "description: a b",
        "description: 'x'",
        'description: "x y"  # z',
        "description:",
        "  description: b",
        "  continued",
        "",
        "# note",
        "aliases: {prod: 1}",
        "aliases:",
        "  prod: 2",
        "  staging: 3",
        "base: {debian: bookworm}",
        "base:",
        "  debian: bookworm",
        "checks:",
        "- a",
        "  - 'b: c'",
        "owners: [a,",
        "  b]",
        'tags: {a: "',
        'b"}',
        "variables: {A: x}",
        "  A: |",
        "    description: no",
        "platforms: [linux/amd64]",
    ]
)


@given(st.lists(LINES, min_size=1, max_size=12))
def test_any_lines_in_any_order(lines: list[str]) -> None:
    agrees("\n".join(lines) + "\n")


@given(
    st.text(max_size=40),
    st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.integers(1, 99), max_size=3),
)
def test_any_description_and_aliases(description: str, aliases: dict[str, Any]) -> None:
    for written in (write_scalar(description), json.dumps(description), description):
        text = f"name: demo\ndescription: {written}\nbase: {{debian: bookworm}}\n"
        agrees(
            text
            + "".join(
                f"{'' if index else 'aliases:' + chr(10)}  {key}: {number}\n"
                for index, (key, number) in enumerate(aliases.items())
            )
        )
