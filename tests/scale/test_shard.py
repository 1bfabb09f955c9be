"""`--shard`: disjoint parts that are everything together, families whole where that leaves no machine idle."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.catalog.content import Content
from envcatalog.catalog.publishing.sharding import Shard, read_shard, shard_names
from envcatalog.git.suspicion import Suspicion
from envcatalog.model.errors import UserError
from support.catalogs import Workplace, definition


class Files:
    """A catalog in memory: names and the name each inherits from."""

    def __init__(self, bases: dict[str, str | None]) -> None:
        self.bases = bases

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.bases))

    def read(self, path: str) -> bytes | None:
        parts = path.split("/")
        if len(parts) != 3 or parts[1] not in self.bases or parts[2] != "environment.yaml":
            return None
        base = self.bases[parts[1]]
        where = f"{{environment: {base}}}" if base else "{debian: bookworm}"
        return definition(parts[1], base=where, python=False).encode()

    def read_each(self, file: str) -> object:
        raise AssertionError("not needed")

    def skipped(self) -> tuple[Suspicion, ...]:
        return ()


@st.composite
def catalogs(draw: st.DrawFn) -> dict[str, str | None]:
    count = draw(st.integers(1, 30))
    names = [f"e{number}" for number in range(count)]
    return {name: draw(st.sampled_from([None, *names[:number]])) for number, name in enumerate(names)}


@given(catalogs(), st.integers(1, 8))
def test_parts_are_disjoint_and_everything_together(bases: dict[str, str | None], count: int) -> None:
    parts = [
        shard_names(Content(Files(bases)), (), Shard(number=number, count=count))  # type: ignore[arg-type]
        for number in range(1, count + 1)
    ]
    assert sorted(name for part in parts for name in part) == sorted(bases)


def test_a_family_stays_together_unless_it_is_most_of_the_catalog() -> None:
    many: dict[str, str | None] = {f"root-{number}": None for number in range(40)}
    many |= {f"child-{number}": f"root-{number % 40}" for number in range(160)}
    content = Content(Files(many))  # type: ignore[arg-type]
    for number in range(1, 5):
        part = set(shard_names(content, (), Shard(number=number, count=4)))
        for name in part & {f"child-{index}" for index in range(160)}:
            assert many[name] in part
    one: dict[str, str | None] = {"root": None} | {f"child-{number}": "root" for number in range(400)}
    content = Content(Files(one))  # type: ignore[arg-type]
    sizes = [len(shard_names(content, (), Shard(number=number, count=4))) for number in range(1, 5)]
    assert sum(sizes) == 401
    assert min(sizes) > 70, "four machines share a single large family"


@pytest.mark.parametrize("text", ["", "0/2", "3/2", "1/0", "1", "a/b", "1/2/3", "1/20000"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(UserError, match="is no part of a whole"):
        read_shard(text)


def test_plan_and_publish_by_parts(workplace: Workplace) -> None:
    names = [f"e{number}" for number in range(6)]
    for name in names:
        workplace.write(name, definition(name, "alpha"))
    workplace.lock()
    workplace.commit()
    planned: Counter[str] = Counter()
    published: Counter[str] = Counter()
    for number in range(1, 9):
        part = ("--shard", f"{number}/8", "--format", "json")
        done = workplace.run("plan", *part)
        assert done.code == 0, done.err
        planned.update(row["environment"] for row in done.json["actions"])
        done = workplace.run("publish", "--registry", workplace.images, *part)
        assert done.code == 0, done.err
        published.update(row["environment"] for row in done.json["published"])
    assert planned == published == Counter(names)
