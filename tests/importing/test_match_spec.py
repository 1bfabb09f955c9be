"""MatchSpecs in the spellings of other people mean to us what they mean to conda's own library."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.formats.incoming.conda.match_spec import Misfit, Spec, read_match_spec

versions = st.sampled_from(["1", "1.2", "2.0.1", "1.2.*", "9e", "2024a", "1!1.0", "0.1rc1", "1.2.post1"])
signs = st.sampled_from(["=", "==", ">=", "<=", "<", ">", "!=", "~="])
gaps = st.sampled_from(["", " ", "  "])
clauses = st.builds("{}{}{}".format, signs, gaps, versions)
conditions = st.one_of(
    clauses,
    st.builds("{},{}{}".format, clauses, gaps, clauses),
    st.builds("{} ,{}".format, clauses, clauses),
    st.builds("{}|{}".format, clauses, clauses),
)
builds = st.sampled_from(["py311h0_0", "0", "*openblas", "py*", "h1_0_cpython"])
specs = st.one_of(
    st.builds("{}{}{}".format, st.just("Num-Py"), gaps, conditions),
    st.builds("numpy={}={}".format, versions, builds),
    # Not with `.*`, which the library forgets here, and conda does not.
    st.builds("numpy=={}={}".format, versions.filter(lambda text: "*" not in text), builds),
    st.builds("numpy {} {}".format, versions, builds),
    st.builds("numpy {}".format, versions),
    st.builds("numpy=*={}".format, builds),
    st.builds("numpy[version='{}']".format, clauses),
    st.builds("forge::numpy {}".format, conditions),
    st.just("_x64_.y"),
)


def library(text: str) -> object:
    """What rattler reads; None for nothing."""
    import rattler

    try:
        read = rattler.MatchSpec(text)
    except Exception:
        return None
    return (
        read.name and str(read.name.normalized),
        read.version,
        read.build,
        read.channel and read.channel.name,
    )


@settings(max_examples=300, deadline=None)
@given(specs)
def test_a_spelling_means_what_it_means_to_conda(text: str) -> None:
    theirs = library(text)
    ours = read_match_spec(text)
    if isinstance(ours, Misfit):
        assert theirs is None or ours.instead is not None
        return
    if theirs is not None:
        assert library(str(ours)) == theirs
    answer = read_spec(str(ours))
    assert isinstance(answer, MatchSpec)
    assert read_match_spec(str(ours)) == ours


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("numpy", "numpy", "numpy"),
        ("numpy>=1", "numpy<2", "numpy>=1,<2"),
        ("numpy>=1,<2", "numpy<2", "numpy>=1,<2"),
        ("numpy=1.2", "forge::numpy", "forge::numpy=1.2"),
        ("numpy=1.2=h1", "numpy", "numpy=1.2=h1"),
        ("numpy=1.2=h1", "numpy=1.2=h2", None),
        ("numpy=1|2", "numpy<3", None),
        ("numpy[build=h1]", "numpy>1", None),
    ],
)
def test_two_of_one_package(first: str, second: str, both: str | None) -> None:
    one, other = read_match_spec(first), read_match_spec(second)
    assert isinstance(one, Spec)
    assert isinstance(other, Spec)
    joined = one.joined(other)
    assert (None if joined is None else str(joined)) == both
    if joined is not None:
        assert isinstance(read_spec(str(joined)), MatchSpec)
