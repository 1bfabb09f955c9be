"""The definition's side: MatchSpecs, and the rules between files."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import rattler
from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.definition import matchspecs
from envcatalog.definition.matchspecs import MatchSpec, allows_python, read_spec
from envcatalog.definition.reader import read_environment
from envcatalog.definition.requirements import Refused
from envcatalog.definition.rules.catalog import check_catalog
from envcatalog.model.settings import Settings

RELEASES = st.sampled_from(["0", "1", "1.2", "1.2.3", "2024.1", "10.0.0.1"])
CLAUSES = st.tuples(st.sampled_from([">=", "<=", "<", ">", "!="]), RELEASES).map("".join)
CONDITIONS = st.one_of(
    st.just(""),
    st.tuples(st.sampled_from(["=", "=="]), RELEASES, st.sampled_from(["", ".*"])).map("".join),
    st.lists(CLAUSES, min_size=1, max_size=3).map(",".join),
    st.lists(CLAUSES, min_size=1, max_size=3).map(", ".join),
)
NAMES = st.sampled_from(
    ["numpy", "Py-Yaml", "ruamel.yaml", "_libgcc_mutex", "r-base", "7zip", "typing_extensions"]
)


@settings(deadline=None)
@given(NAMES, st.sampled_from(["", " "]), CONDITIONS)
def test_the_short_way_reads_what_the_library_reads(name: str, space: str, condition: str) -> None:
    text = f"{name}{space if condition else ''}{condition}"
    assert matchspecs._SIMPLE.match(text), text
    ours, theirs = read_spec(text), rattler.MatchSpec(text)
    assert isinstance(ours, MatchSpec)
    assert ours.name == str(theirs.name.normalized)  # type: ignore[union-attr]
    assert (ours.version or None) == theirs.version
    assert theirs.build is None


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="ab01.*=<>!~,|()[]'\" ;:/#^$-_", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = read_spec(text)
    if isinstance(found, MatchSpec):
        assert found.name == found.name.lower()
        assert rattler.MatchSpec(found.text).name.normalized == found.name  # type: ignore[union-attr]
    else:
        assert isinstance(found, Refused)
        assert found.message


@pytest.mark.parametrize(
    "text", ["a" * 500, "a" + "=" * 499, "a" + "(" * 499, "a" + ",>=1" * 120, "a[" * 250]
)
def test_long_texts_take_no_time(text: str) -> None:
    assert read_spec(text) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numpy", ("numpy", "", "", "")),
        ("NumPy=2.2", ("numpy", "2.2.*", "", "")),
        ("numpy 2.2", ("numpy", "==2.2", "", "")),
        ("own::numpy >=1,<2", ("numpy", ">=1,<2", "", "own")),
        ("blas=*=*openblas", ("blas", "*", "*openblas", "")),
        ("python=3.11.9=h0_cpython", ("python", "==3.11.9", "h0_cpython", "")),
        ("x[version='>=1',build=h*]", ("x", ">=1", "h*", "")),
    ],
)
def test_what_a_spec_says(text: str, expected: tuple[str, ...]) -> None:
    found = read_spec(text)
    assert isinstance(found, MatchSpec)
    assert (found.name, found.version, found.build, found.channel) == expected


@pytest.mark.parametrize(
    ("condition", "minor", "allowed"),
    [
        ("", "3.11", True), ("3.11.*", "3.11", True), ("3.1.*", "3.11", False), ("==3.11.9", "3.11", True),
        (">=3.8", "3.11", True), (">=3.12", "3.11", False), ("<3.11", "3.11", False), ("!=3.11.4", "3.11", True),
        ("3.9.*|3.11.*", "3.11", True), (">=3.11.5,<3.11.6", "3.11", True), ("==3.12", "3.11", False),
        ("==3.11", "3.11", True), ("3.11.4.*", "3.11", True), ("3.*", "3.11", True),
    ],
)  # fmt: skip
def test_a_condition_on_python(condition: str, minor: str, allowed: bool) -> None:
    assert allows_python(condition, minor) is allowed


def problems(**environments: dict[str, Any]) -> list[tuple[str, str, str]]:
    readings = {}
    for name, value in environments.items():
        data = json.dumps({"name": name, **value}, indent=0).encode()
        readings[name] = read_environment(data, f"catalog/{name}/environment.yaml", folder=name)
        assert readings[name].problems == ()
    return [
        (item.file.split("/")[1], item.code, item.message) for item in check_catalog(readings, Settings())
    ]


DEBIAN = {"debian": "bookworm"}
CONDA = {"channels": ["own"], "packages": ["numpy"]}


def test_a_child_may_add_to_a_conda_environment() -> None:
    child = {"base": {"environment": "a"}, "conda": CONDA, "python": {"version": "3.11", "packages": ["x"]}}
    assert problems(a={"base": DEBIAN, "conda": CONDA, "python": {"version": "3.11"}}, b=child) == []
    assert problems(a={"base": DEBIAN, "conda": CONDA}, b=child) == []
    assert problems(a={"base": DEBIAN}, b=child) == []


def test_conda_is_not_added_to_a_virtual_environment() -> None:
    found = problems(
        a={"base": DEBIAN, "python": {"version": "3.11"}},
        b={"base": {"environment": "a"}, "variables": {"A": "b"}},
        c={"base": {"environment": "b"}, "conda": CONDA},
    )
    message = "the base `a` has its Python packages in `/opt/env`, where conda's would be"
    assert found == [("c", "conda-base", message)]


def test_the_python_of_a_child_is_its_base_s() -> None:
    found = problems(
        a={"base": DEBIAN, "conda": CONDA, "python": {"version": "3.11"}},
        b={"base": {"environment": "a"}, "conda": {**CONDA, "packages": ["python=3.12"]}},
        c={"base": {"environment": "a"}, "python": {"version": "3.12"}},
        d={"base": {"environment": "a"}, "python": {"version": "3.11", "interpreter": "/usr/bin/python3.11"}},
        e={"base": {"environment": "a"}, "conda": {**CONDA, "packages": ["python=3.11.4"]}},
    )
    assert found == [
        ("b", "python-base", "`python=3.12` is not the Python of the base `a`, `3.11`"),
        ("c", "python-base", "`python.version` is `3.12`, and the base `a` has `3.11`"),
        (
            "d",
            "python-base",
            "`python.interpreter` is not the one of the base `a`, `/opt/env/bin/python3.11`",
        ),
    ]


def test_the_library_is_not_imported_for_common_specs() -> None:
    specs = ["numpy=2.2", "scipy >=1.6, <2", "own::tool==1", "python=3.11.9", "Pandas"]
    value = {
        "name": "a",
        "base": DEBIAN,
        "python": {"version": "3.11"},
        "conda": {"channels": ["own"], "packages": specs},
    }
    code = (
        "import sys\n"
        "from envcatalog.definition.reader import read_environment\n"
        f"assert read_environment({json.dumps(value).encode()!r}, 'f', folder='a').environment\n"
        "assert 'rattler' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
