"""Aliases in their order, deprecation and archives: what holds between files, with exact words and places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.definition.reader import read_environment
from envcatalog.definition.rules.catalog import check_catalog
from envcatalog.definition.rules.lifecycle import Jump, jumps
from envcatalog.model.environment import Deprecated
from envcatalog.model.ranges import Range, in_ranges, read_ranges, show_ranges
from envcatalog.model.settings import Settings

SETTINGS = Settings(aliases=("dev", "staging", "prod"))
BASE = "base: {debian: bookworm}\n"


def found(today: str = "", **files: str) -> list[str]:
    readings = {
        name: read_environment(f"name: {name}\n{text}\n".encode(), name, folder=name)
        for name, text in files.items()
    }
    assert all(reading.environment for name, reading in readings.items() if name != "broken")
    return [
        f"{p.file}:{p.line}:{p.column}+{p.length} {p.severity} {p.code}: {p.message}"
        + (f" | {p.hint}" if p.hint else "")
        for p in check_catalog(readings, SETTINGS, today=today)
    ]


def test_aliases_keep_the_order_of_promotion() -> None:
    assert found(a=f"{BASE}aliases: {{prod: 3, staging: 3, dev: 4}}") == []
    assert found(a=f"{BASE}aliases: {{staging: 3}}") == [
        "a:3:20+1 error alias-order: `staging` is version 3, and `dev`, which comes before it, is not set"
        " | run `envcat promote a@3 dev`"
    ]
    assert found(a=f"{BASE}aliases:\n  prod: 5\n  staging: 4\n  dev: 4") == [
        "a:4:9+1 error alias-order: `prod` is version 5, and `staging`, which comes before it, is version 4"
        " | run `envcat promote a@5 staging`"
    ]
    assert [line.split(":")[2] for line in found(a=f"{BASE}aliases: {{prod: 3}}")] == [
        "17+1 error alias-order"
    ]


def test_a_replacement_is_there_and_can_be_used() -> None:
    def with_replacement(reference: str, **others: str) -> list[str]:
        return found(a=f"{BASE}deprecated: {{reason: old, replacement: {reference}}}", **others)

    assert with_replacement("sklaern", sklearn=BASE) == [
        "a:3:40+7 error deprecated-replacement: there is no environment `sklaern` in this catalog"
        " | did you mean `sklearn`?"
    ]
    assert with_replacement("zzz@3") == [
        "a:3:40+5 error deprecated-replacement: there is no environment `zzz` in this catalog"
        " | `envcat list` shows the environments there are"
    ]
    archived = f"{BASE}archived: true"
    assert with_replacement("b", b=archived) == [
        "a:3:40+1 warning deprecated-replacement: the replacement `b` is archived itself | name another one"
    ]
    partly = f'{BASE}deprecated: {{reason: old, versions: "1-2"}}'
    assert with_replacement("b", b=partly) == with_replacement("b@3", b=partly) == []
    assert with_replacement("b@2", b=partly) == [
        "a:3:40+3 warning deprecated-replacement: the replacement `b@2` is deprecated itself | name another one"
    ]
    assert with_replacement("broken", broken="base: {}") == []


def test_a_day_that_has_passed_is_a_warning() -> None:
    text = f"{BASE}deprecated: {{reason: old, until: 2026-06-30}}"
    assert found(a=text) == found(a=text, today="2026-06-30") == []
    assert found(a=text, today="2026-07-01") == [
        "a:3:34+10 warning deprecated-until: the versions were deprecated until 2026-06-30, which has passed"
        " | run `envcat archive a`, or give a later day in `until`"
    ]
    assert found(a=f"{text}\narchived: true", today="2026-07-01") == []
    ranged = f'{BASE}deprecated: {{versions: "1", reason: old, until: 2026-06-30}}'
    assert found(a=ranged, today="2026-07-01")[0].endswith("| give a later day in `until`")


def test_an_alias_of_a_deprecated_version_and_an_archived_base_are_warnings() -> None:
    assert found(
        a=f'{BASE}aliases: {{dev: 3, staging: 2}}\ndeprecated: {{versions: "1-2,4-", reason: old}}'
    ) == [
        "a:3:28+1 warning alias-deprecated: `staging` is version 2, and `1-2,4-` is deprecated"
        " | promote another version to `staging`"
    ]
    assert found(a=f"{BASE}archived: true", b="base: {environment: a}") == [
        "b:2:21+1 warning base-archived: the base `a` is archived"
        " | choose another base; `publish` refuses to build on this one"
    ]


@pytest.mark.parametrize(
    ("text", "ranges", "inside", "outside"),
    [
        ("4", ((4, 4),), {4}, {3, 5}),
        ("1-2,4", ((1, 2), (4, 4)), {1, 2, 4}, {3, 5}),
        ("1, 3-", ((1, 1), (3, None)), {1, 3, 999_999_999}, {2}),
    ],
)
def test_ranges(text: str, ranges: tuple[Range, ...], inside: set[int], outside: set[int]) -> None:
    assert read_ranges(text) == ranges
    assert show_ranges(ranges) == text.replace(" ", "")
    assert all(in_ranges(number, ranges) for number in inside)
    assert not any(in_ranges(number, ranges) for number in outside)


def test_no_ranges_are_all_versions_and_no_version() -> None:
    assert Deprecated(reason="old").covers(7)
    assert Deprecated(reason="old").covers(None)
    assert not Deprecated(reason="old", versions=((1, None),)).covers(None)


@given(st.dictionaries(st.sampled_from(SETTINGS.aliases), st.integers(1, 5)))
def test_no_jump_means_that_all_before_are_set_and_not_older(aliases: dict[str, int]) -> None:
    numbers = [aliases.get(alias) for alias in SETTINGS.aliases]
    ordered = all(
        late is None or (early is not None and early >= late)
        for place, late in enumerate(numbers)
        for early in numbers[:place]
    )
    assert (jumps(aliases, SETTINGS.aliases) == ()) == ordered


def test_a_jump_says_both_sides() -> None:
    assert jumps({"staging": 2, "prod": 3, "dev": 2}, SETTINGS.aliases) == (
        Jump(alias="prod", number=3, before="staging", have=2),
    )
