"""Exceptions: one rule, one environment, until a day; and nothing else."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_support import TODAY, judge, lock_of, wheel

BAD = """\
name: {name}
base: {{debian: bookworm}}
python:
  version: "3.11"
  packages: ["alpha>=1", "beta>=1"]
variables: {{DB_PASSWORD: hunter2hunter2}}
"""
NAMES = ("one", "two")
DEFINITIONS = {name: BAD.format(name=name) for name in NAMES}
LOCKS = {
    name: lock_of(text, wheel("alpha", "1.0", 5000), wheel("beta", "1.0"))
    for name, text in DEFINITIONS.items()
}
POLICY = """\
reserved: [one, two]
policy:
  base: {debian: [trixie]}
  banned: [{package: alpha}, {package: beta}]
  required: [{package: gamma}]
  pinned: {}
  owners: {}
  size: {download: 1kB}
  reserved: {owners: ["@acme/platform"]}
  secrets: {}
"""
# Rule and package of all that one of these environments breaks.
BROKEN = (
    *(("base", ""), ("banned", "alpha"), ("banned", "beta"), ("required", "gamma"), ("pinned", "alpha")),
    *(("pinned", "beta"), ("owners", ""), ("size", ""), ("reserved", ""), ("secrets", "")),
)


def problems(*exceptions: str, names: tuple[str, ...] = (), today: str = TODAY) -> list[str]:
    """The lines of all problems, hints left out."""
    text = POLICY + (
        "  exceptions:\n" + "".join(f"    - {{{item}}}\n" for item in exceptions) if exceptions else ""
    )
    found = judge(text, DEFINITIONS, LOCKS, names=names, today=today)
    return [line for line in found.splitlines() if not line.startswith("  hint")]


def exception(environment: str, rule: str, package: str = "", until: str = "2026-12-31") -> str:
    """One exception, as in the file."""
    more = f", package: {package}" if package else ""
    return f"environment: {environment}, rule: {rule}{more}, until: {until}, reason: agreed"


def of_rule(line: str, name: str, rule: str, package: str) -> bool:
    """Whether a line is about this environment, rule and package."""
    return (
        line.startswith(f"{name}/") and f" policy-{rule}: " in line and (not package or f"`{package}" in line)
    )


ALL = problems()


def test_everything_is_broken_once() -> None:
    assert len(ALL) == len(NAMES) * len(BROKEN), "\n".join(ALL)
    for name, (rule, package) in itertools.product(NAMES, BROKEN):
        assert len([line for line in ALL if of_rule(line, name, rule, package)]) == 1, (name, rule, package)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(BROKEN), st.booleans()),
        unique_by=lambda item: (item[0], item[1][0], item[1][1] if item[2] else ""),
        max_size=6,
    )
)
def test_an_exception_silences_exactly_its_rule_and_environment(
    chosen: list[tuple[str, tuple[str, str], bool]],
) -> None:
    wanted = [(name, rule, package if narrow else "") for name, (rule, package), narrow in chosen]
    left = [line for line in ALL if not any(of_rule(line, *item) for item in wanted)]
    found = problems(*(exception(*item) for item in wanted))
    assert [line for line in found if "policy-exception-unused" not in line] == left


def test_the_last_day_is_the_last_one() -> None:
    item = exception("one", "base", until=TODAY)
    assert problems(item) == [line for line in ALL if not of_rule(line, "one", "base", "")]
    over = problems(item, today="2026-06-16")
    assert over[1:] == ALL
    assert over[0] == (
        "catalog.yaml:12:45+10 error policy-exception-over: the exception of `one` from the rule `base` was until "
        "2026-06-15, which has passed"
    )


def test_what_is_not_needed_is_a_warning() -> None:
    text = "policy:\n  pinned: {}\n  exceptions:\n"
    text += "".join(
        f"    - {{{exception(*item)}}}\n"
        for item in (
            ("one", "pinned", "alpha"),
            ("one", "pinned", "gamma"),
            ("two", "owners"),
            ("three", "pinned"),
        )
    )
    pinned = BAD.format(name="one").replace("beta>=1", "beta==1")
    definitions = {"one": pinned, "two": pinned.replace("one", "two").replace("alpha>=1", "alpha==1")}
    assert judge(text, definitions) == (
        "catalog.yaml:5:7+1 warning policy-exception-unused: the exception of `one` from the rule `pinned` for `gamma` "
        "is not needed\n  hint: remove it\n"
        "catalog.yaml:6:7+1 warning policy-exception-unused: the exception of `two` from the rule `owners` is not "
        "needed\n  hint: remove it\n"
        "catalog.yaml:7:21+5 warning policy-exception-unused: the exception of `three` from the rule `pinned` is of no "
        "environment in this catalog\n  hint: remove it\n"
    )
    # asked for one environment, nothing is said of the others; a broken definition needs no exception yet
    assert judge(text, definitions, names=("two",)).count("policy-exception-unused") == 1
    assert "`two`" not in judge(text, {**definitions, "two": "name: two\n"}).replace(
        "two/environment.yaml", ""
    )


@pytest.mark.parametrize("pattern", ["*", "on*", "ONE", "one "])
def test_an_exception_has_no_pattern(pattern: str) -> None:
    found = problems(f"environment: '{pattern}', rule: base, until: 2026-12-31, reason: agreed")
    assert [line for line in found if "schema-pattern" in line]
