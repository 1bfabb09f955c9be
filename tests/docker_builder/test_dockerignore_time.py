"""Patterns with many wildcards: matched as the plain regular expression would, in a time that does not explode."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcatalog.formats.docker.dockerignore import read_dockerignore, wildcard

# The same examples each time, however slow the machine.
CALM = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PARTS = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]", "a": "a", "b": "b", "/": "/"}


@settings(CALM, max_examples=500)
@given(st.lists(st.sampled_from(["*", "?", "a", "b", "/"]), max_size=8), st.text(alphabet="ab/", max_size=9))
def test_a_source_matches_as_without_the_shortcut(parts: list[str], path: str) -> None:
    plain = re.compile("".join(PARTS[part] for part in parts))
    assert bool(wildcard("".join(parts)).fullmatch(path)) == bool(plain.fullmatch(path))


@settings(CALM, max_examples=500)
@given(
    st.lists(st.sampled_from(["**/", "a/", "*/", "b*a/", "?/"]), min_size=1, max_size=7),
    st.sampled_from(["a", "*", "a*b", "?"]),
    st.text(alphabet="ab/", max_size=12),
)
def test_a_line_matches_as_without_the_shortcut(parts: list[str], last: str, path: str) -> None:
    plain = re.compile(
        "".join(PARTS[word] for part in [*parts, last] for word in re.findall(r"\*\*/|.", part))
    )
    (pattern,) = read_dockerignore("".join([*parts, last])).patterns
    assert bool(pattern.regex.fullmatch(path)) == bool(plain.fullmatch(path))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 200 + "z", "a" * 255),
        ("*" * 300 + "z", "a" * 255),
        ("**/a/" * 100 + "z", "a/" * 1000),
        ("**/*a*/" * 30 + "q", "aaaa/" * 400),
    ],
)
def test_no_pattern_takes_for_ever(pattern: str, path: str) -> None:
    start = time.process_time()
    assert not read_dockerignore(pattern).ignores(path[:4000])
    assert time.process_time() - start < 5


def test_wildcards_within_names_are_few() -> None:
    assert read_dockerignore("a**b**c**d").wrong == ((1, "`a**b**c**d` is not a pattern"),)
    assert read_dockerignore("a**b**c").ignores("ax/by/c")
