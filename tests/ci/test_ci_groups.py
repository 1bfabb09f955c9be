"""The jobs of a forge: bases first, children fanned out, never more than the forge's limit."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.catalog.content import Content
from envcatalog.catalog.publishing.groups import Groups, publish_groups
from envcatalog.ci.gitlab import JOBS, child_pipeline
from envcatalog.model.plan import Action
from support.catalogs import Workplace, definition


class Files:
    """Definitions in memory: name to the environment it inherits from, None for the root of a family."""

    def __init__(self, bases: Mapping[str, str | None]) -> None:
        self._texts = {
            f"catalog/{name}/environment.yaml": definition(
                name, base=f"{{environment: {base}}}" if base else "{debian: bookworm}", python=False
            ).encode()
            for name, base in bases.items()
        }

    def read(self, path: str) -> bytes | None:
        return self._texts.get(path)


def grouped(
    bases: Mapping[str, str | None], limit: int, build: set[str] | None = None
) -> tuple[Groups, Groups]:
    content = Content(Files(bases))  # type: ignore[arg-type]
    actions = [
        Action(environment=name, action="build" if build is None or name in build else "skip", reason="new")
        for name in content.order(bases)
    ]
    return publish_groups(content, actions, limit=limit)


def test_a_thousand_children_of_one_base() -> None:
    bases: dict[str, str | None] = {
        "base": None,
        "middle": "base",
        **{f"e{n:04}": "middle" for n in range(1000)},
    }
    began = time.monotonic()
    first, rest = grouped(bases, 256)
    assert time.monotonic() - began < 10
    assert first == (("base", "middle"),)
    assert len(rest) == 255
    assert {len(group) for group in rest} == {3, 4}
    assert sorted(name for group in rest for name in group) == [f"e{n:04}" for n in range(1000)]
    pipeline = json.loads(child_pipeline(*grouped(bases, JOBS)))
    assert sum("script" in job for job in pipeline.values() if isinstance(job, dict)) == 200


def test_what_is_not_built_needs_no_stage() -> None:
    bases = {"a": None, "b": "a", "c": "b", "d": None}
    assert grouped(bases, 5, build={"b", "c", "d"}) == ((("b",),), (("c",), ("d",)))
    assert grouped(bases, 5, build={"a", "c"}) == ((("a",),), (("c",),))
    assert grouped(bases, 5, build=set()) == ((), ())


@given(data=st.data(), size=st.integers(1, 40), limit=st.integers(2, 9))
@settings(max_examples=60, deadline=None)
def test_all_once_in_order_and_within_the_limit(data: st.DataObject, size: int, limit: int) -> None:
    bases: dict[str, str | None] = {}
    for number in range(size):
        bases[f"e{number}"] = data.draw(st.sampled_from([None, *bases]))
    build = set(data.draw(st.lists(st.sampled_from(sorted(bases)), unique=True)))
    stages = grouped(bases, limit, build)
    flat = [name for stage in stages for group in stage for name in group]
    assert sorted(flat) == sorted(build)
    place = {
        name: (number, index, order)
        for number, stage in enumerate(stages)
        for index, group in enumerate(stage)
        for order, name in enumerate(group)
    }
    assert sum(map(len, stages)) <= limit
    assert all(group for stage in stages for group in stage)
    for name in build:
        ancestor = bases[name]
        while ancestor is not None:
            if ancestor in build:
                (stage, group, order), (mine, at, after) = place[ancestor], place[name]
                assert stage < mine or ((stage, group) == (mine, at) and order < after)
            ancestor = bases[ancestor]


def test_the_lines_for_the_forge(workplace: Workplace) -> None:
    workplace.add("base", "alpha")
    workplace.add("child", "beta", base="{environment: base}")
    workplace.add("other", "gamma")
    done = workplace.run("plan", "--format", "github-matrix", "--groups", "256")
    assert (done.code, done.out) == (
        0,
        'bases={"include":[{"group":"base","environments":"base"}]}\n'
        'rest={"include":[{"group":"child","environments":"child"},{"group":"other","environments":"other"}]}\n',
    )
    assert workplace.run("plan", "--format", "github-matrix", "--groups", "2").out.endswith(
        'rest={"include":[{"group":"child and 1 more","environments":"child other"}]}\n'
    )
    workplace.published()
    assert workplace.run("plan", "--format", "github-matrix", "--groups", "9").out == (
        'bases={"include":[]}\nrest={"include":[]}\n'
    )
    workplace.edit("other", "description: For a test\n", "description: For a test\naliases: {staging: 1}\n")
    arguments = ("plan", "--format", "github-matrix", "--groups", "9", "--registry", workplace.images)
    assert workplace.run(*arguments).out.endswith(
        'rest={"include":[{"group":"other","environments":"other"}]}\n'
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--groups", "9"), "error: --groups needs --format github-matrix"),
        (
            ("--format", "github-matrix", "--groups", "257"),
            "error: invalid value for '--groups': 257 is not in the range 2<=x<=256",
        ),
    ],
)
def test_options_that_do_not_fit(workplace: Workplace, arguments: tuple[str, ...], message: str) -> None:
    done = workplace.run("plan", *arguments)
    assert (done.code, done.out, message in done.err.splitlines()) == (2, "", True), done.err


def test_the_gitlab_pipeline(workplace: Workplace) -> None:
    empty = workplace.run("plan", "--format", "gitlab-pipeline")
    assert json.loads(empty.out)["nothing to publish"] == {"stage": "rest", "script": ["true"]}
    workplace.add("base", "alpha")
    workplace.add("child", "beta", base="{environment: base}")
    pipeline = json.loads(workplace.run("plan", "--format", "gitlab-pipeline").out)
    assert pipeline == {
        "include": [{"local": ".gitlab/envcat-jobs.yml"}],
        "stages": ["bases", "rest"],
        "variables": {"GIT_DEPTH": "0"},
        "publish base": {
            "extends": [".envcat", ".registry"],
            "stage": "bases",
            "script": ["envcat publish -- base"],
        },
        "publish child": {
            "extends": [".envcat", ".registry"],
            "stage": "rest",
            "when": "always",
            "script": ["envcat publish -- child"],
        },
    }
