"""The splitting rule: within budget, whatever the order, and a change of one artefact moves nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.image.split import split_artefacts
from envcatalog.model.lock import Wheel

KIB = 1024
RUNGS = (0, 64 * KIB, 256 * KIB, 1024 * KIB, 4096 * KIB, 16384 * KIB, 65536 * KIB, 262144 * KIB)


def wheel(name: str, size: int, version: str = "1") -> Wheel:
    return Wheel(name=name, version=version, file=f"{name}-{version}.whl", size=size, sha256="0" * 64)


def names(groups: tuple[tuple[Wheel, ...], ...]) -> list[list[str]]:
    return [[member.name for member in group] for group in groups]


WHEELS = st.dictionaries(
    st.text("abcdefghij", min_size=1, max_size=4), st.integers(0, 10**9), max_size=60
).map(lambda sizes: [wheel(name, size) for name, size in sizes.items()])
BUDGETS = st.integers(1, 45)


def test_a_normal_environment_has_a_layer_for_each_package() -> None:
    wheels = [wheel(name, size) for name, size in (("six", 11), ("numpy", 10**7), ("attrs", 0))]
    assert names(split_artefacts(wheels, 26)) == [["attrs"], ["numpy"], ["six"]]


def test_above_the_budget_the_small_ones_share_buckets_and_come_last() -> None:
    wheels = [wheel(f"small{number}", 1000) for number in range(12)] + [wheel("zlib-large", 64 * KIB)]
    assert names(split_artefacts(wheels, 9)) == [
        ["zlib-large"],
        ["small10", "small7"],
        ["small3"],
        ["small11"],
        ["small0", "small6", "small8"],
        ["small9"],
        ["small2", "small4"],
        ["small1", "small5"],
    ]


def test_the_next_rung_is_taken_when_one_is_not_enough() -> None:
    wheels = [wheel(f"p{number}", 100 * KIB) for number in range(30)] + [wheel("q", 256 * KIB)]
    groups = split_artefacts(wheels, 10)
    assert names(groups)[0] == ["q"]
    assert len(groups) <= 9


@given(WHEELS, BUDGETS)
def test_the_budget_is_kept_and_every_artefact_is_in_one_group(wheels: list[Wheel], budget: int) -> None:
    groups = split_artefacts(wheels, budget)
    assert len(groups) <= budget
    assert all(groups)
    assert sorted(w.name for group in groups for w in group) == sorted(w.name for w in wheels)


@given(WHEELS, BUDGETS, st.randoms())
def test_the_order_of_the_input_does_not_matter(wheels: list[Wheel], budget: int, random: object) -> None:
    shuffled = list(wheels)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split_artefacts(shuffled, budget) == split_artefacts(wheels, budget)


@given(WHEELS.filter(bool), BUDGETS, st.data())
def test_a_new_version_changes_its_own_layer_alone(
    wheels: list[Wheel], budget: int, data: st.DataObject
) -> None:
    changed = data.draw(st.integers(0, len(wheels) - 1))
    before = wheels[changed]
    low, high = next(
        (low, high) for low, high in zip(RUNGS, (*RUNGS[1:], 2**40), strict=True) if low <= before.size < high
    )
    after = replace(before, version="2", size=data.draw(st.integers(low, min(high - 1, 10**9))))
    old = split_artefacts(wheels, budget)
    new = split_artefacts([after if w is before else w for w in wheels], budget)
    assert names(new) == names(old)
    assert [g for g in old if before not in g] == [g for g in new if after not in g]


def test_no_artefacts_need_no_layer() -> None:
    assert split_artefacts([], 1) == ()


def test_mistakes_of_the_caller_are_told() -> None:
    with pytest.raises(ValueError, match="two artefacts have one name"):
        split_artefacts([wheel("a", 1), wheel("a", 2, "2")], 5)
    with pytest.raises(ValueError, match="a budget of 0 layers"):
        split_artefacts([wheel("a", 1)], 0)
