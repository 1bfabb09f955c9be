"""Policies that nobody in their senses writes: an answer in time, and no traceback."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
from policy_support import judge, lock_of, wheel

from envcatalog.definition.reader import read_settings

ROOT = Path(__file__).parents[2]
FULL = (ROOT / "tests/examples/valid/settings-policy.yaml").read_text()
DEMO = """\
name: demo
base: {debian: bookworm}
python: {version: "3.11", packages: ["alpha>=1"]}
variables: {A: "1"}
"""
PIECES = (
    "{",
    "[",
    "- ",
    ": ",
    "*",
    "'",
    '"',
    "null",
    "true",
    "-1",
    "9" * 400,
    "\x00",
    "\u202e",
    "<",
    ">=",
    "!!python/x ",
)


def test_damaged_policies_are_told() -> None:
    chance = random.Random(4)
    lock = lock_of(DEMO, wheel("alpha", "1.0"))
    read = 0
    for _ in range(400):
        text = FULL
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(PIECES) + text[at + chance.randrange(3) :]
        began = time.monotonic()
        judge(text, {"demo": DEMO}, {"demo": lock})
        assert time.monotonic() - began < 2, text
        read += read_settings(text.encode(), "f").settings is not None
    assert 10 < read < 390  # both sides were met


@pytest.mark.parametrize(
    "text",
    [
        "policy: {banned: [{package: '" + "a" * 255 + "!'}]}",
        "policy: {banned: [{package: 'a" + "-" * 250 + "'}]}",
        "policy: {banned: [{package: 'x" + ",<1" * 80 + "'}]}",
        "policy: {banned: [{package: 'x===" + "(" * 200 + "'}]}",
        "policy: {base: {images: ['" + "a." * 120 + "']}}",
        "policy: {size: {download: " + "9" * 9 + "GiB}}",
        "policy: {exceptions: ["
        + ", ".join("{environment: demo, rule: size, until: 2026-01-01, reason: x}" for _ in range(300))
        + "]}",
        "policy: [" * 50,
        "policy: &a {base: *a}",
    ],
)
def test_hostile_policies_take_no_time(text: str) -> None:
    began = time.monotonic()
    judge(text, {"demo": DEMO})
    assert time.monotonic() - began < 1


def test_versions_that_are_none_are_not_banned_by_range() -> None:
    lock = lock_of(DEMO, wheel("alpha", "not-a-version"))
    assert "is banned" not in judge(
        "policy: {banned: [{package: 'alpha<2'}]}", {"demo": DEMO}, {"demo": lock}
    )
    assert "is banned" in judge("policy: {banned: [{package: alpha}]}", {"demo": DEMO}, {"demo": lock})


def test_a_reason_is_shown_and_never_obeyed() -> None:
    found = judge("policy: {owners: {reason: '::error file=x::y %0A <b>'}}", {"demo": DEMO})
    assert found.startswith(
        "demo/environment.yaml:1:1+1 error policy-owners: the environment has no owner: ::error file=x::y %0A <b>\n"
    )


def test_the_example_of_the_readme_is_a_policy() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (block,) = [item for item in blocks if "policy:" in item]
    reading = read_settings(block.encode(), "README.md")
    assert reading.problems == ()
    assert reading.settings is not None
    assert all(
        getattr(reading.settings.policy, rule) for rule in ("base", "banned", "required", "exceptions")
    )
