"""Debian's version order, against python-debian's."""

from __future__ import annotations

from debian.debian_support import NativeVersion
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.lock.debian.version import satisfies, upstream_version, version_key

PART = st.text("019.a~+Z", max_size=6)
VERSIONS = st.builds(
    lambda epoch, start, rest, revision: f"{epoch}{start}{rest}{revision}",
    st.sampled_from(["", "", "0:", "1:"]),
    st.sampled_from("0129"),
    PART,
    st.one_of(st.just(""), st.just("-0"), PART.filter(bool).map(lambda part: f"-{part}")),
)


@given(VERSIONS, VERSIONS)
def test_the_order_is_python_debians(one: str, other: str) -> None:
    theirs = NativeVersion(one), NativeVersion(other)
    ours = version_key(one), version_key(other)
    assert (ours[0] < ours[1], ours[0] == ours[1]) == (theirs[0] < theirs[1], theirs[0] == theirs[1])
    for relation, answer in (
        ("<<", theirs[0] < theirs[1]),
        ("<=", theirs[0] <= theirs[1]),
        ("=", theirs[0] == theirs[1]),
        (">=", theirs[0] >= theirs[1]),
        (">>", theirs[0] > theirs[1]),
    ):
        assert satisfies(one, relation, other) is answer


def test_upstream_versions() -> None:
    assert upstream_version("1:3.11.2-6+deb12u9") == "3.11.2"
    assert upstream_version("3.13.5") == "3.13.5"
    assert upstream_version("1.2-rc-1") == "1.2-rc"
