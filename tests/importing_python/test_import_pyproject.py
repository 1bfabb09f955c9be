"""`pyproject.toml`: PEP 621, dependency groups, Poetry, uv and setuptools."""

from __future__ import annotations

import pytest

from envcatalog.formats.incoming.python.poetry import Inexpressible, specifier
from envcatalog.model.draft import Draft
from envcatalog.model.environment import DebianBase
from envcatalog.model.errors import Refusal
from support.python_imports import imported, lines

ITSELF = "the project itself is not in the image, only what it depends on"

PROJECT = """\
[build-system]
requires = ["hatchling"]

[project]
name = "My.Pipeline"
version = "1.0"
description = "Scores trees"
requires-python = ">=3.10"
dependencies = [
    "numpy>=1.26,<3",  # arrays
    "my-pipeline[plot]",
    "mine @ git+https://git.example.com/mine.git",
    "pywin32; sys_platform == 'win32'",
    "tuned",
    "forked",
]

[project.optional-dependencies]
plot = ["matplotlib"]
all = ["my_pipeline[plot,speed]"]
speed = ["numba>=0.60"]

[dependency-groups]
test = ["pytest", {include-group = "Lint"}]
lint = ["ruff"]

[tool.uv]
constraint-dependencies = ["numba<1", "llvmlite<1"]
override-dependencies = ["six==1"]

[tool.uv.sources]
forked = {git = "https://git.example.com/forked.git"}
tuned = {index = "internal"}

[[tool.uv.index]]
name = "internal"
url = "https://ada:secret@index.example.com/simple"
"""


def packages(draft: Draft) -> tuple[str, ...]:
    assert draft.environment.python is not None
    return draft.environment.python.packages


def test_a_project() -> None:
    draft = imported("pyproject.toml", PROJECT)
    assert packages(draft) == ("numpy>=1.26,<3", "tuned", "matplotlib")
    assert draft.environment.description == "Scores trees"
    address = "it is installed from an address; a definition names packages of an index"
    constraint = "nothing here asks for `{}` itself, and a definition has no constraints"
    assert lines(draft) == [
        f"pyproject.toml:4: [project] My.Pipeline | {ITSELF}",
        'pyproject.toml:8: requires-python = ">=3.10" | a definition has one minor version; 3.11 was chosen',
        f"pyproject.toml:12:! mine @ git+https://git.example.com/mine.git | {address}",
        "pyproject.toml:13: pywin32; sys_platform == 'win32' | its marker never holds in a Linux image",
        "pyproject.toml:20: extra all | 1 optional requirement; taken with `--extra all`",
        "pyproject.toml:21: extra speed | 1 optional requirement; taken with `--extra speed`",
        "pyproject.toml:24: group test | 2 optional requirements; taken with `--group test`",
        "pyproject.toml:25: group lint | 1 optional requirement; taken with `--group lint`",
        f"pyproject.toml:28:! numba<1 | {constraint.format('numba')}",
        f"pyproject.toml:28:! llvmlite<1 | {constraint.format('llvmlite')}",
        "pyproject.toml:29:! six==1 | a definition has no overrides",
        "pyproject.toml:32:! forked: git https://git.example.com/forked.git"
        " | it is installed from its `git`; a definition names packages of an index",
        "pyproject.toml:33:! tuned: index internal"
        " | it has an index of its own; name that in `indexes` of `catalog.yaml`",
        "pyproject.toml:36:! [[tool.uv.index]] https://**********@index.example.com/simple"
        " | name the index in `indexes` of `catalog.yaml`",
    ]


def test_extras_and_groups_that_are_asked_for() -> None:
    draft = imported("pyproject.toml", PROJECT, extras=("ALL",), groups=("test",))
    assert packages(draft) == (
        "numpy>=1.26,<3",
        "tuned",
        "matplotlib",
        "numba>=0.60,<1",
        "pytest",
        "ruff",
    )
    optional = [line for line in lines(draft) if "optional" in line]
    assert optional == ["pyproject.toml:25: group lint | 1 optional requirement; taken with `--group lint`"]


def refusal(text: str, **wanted: object) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        imported("pyproject.toml", text, **wanted)
    return caught.value.message, caught.value.hint


def test_extras_and_groups_that_are_not_there() -> None:
    assert refusal(PROJECT, extras=("gpu",)) == (
        "pyproject.toml: there is no extra `gpu`",
        "it has `plot`, `all` and `speed`",
    )
    assert refusal('[project]\nname = "a"\n', groups=("x",)) == (
        "pyproject.toml: there is no group `x`",
        "it has none",
    )


def test_groups_that_include_each_other() -> None:
    text = '[dependency-groups]\na = [{include-group = "b"}]\nb = [\n{include-group = "a"}]\n'
    assert refusal(text)[0] == "pyproject.toml:2: the group `a` includes itself in the end"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[tool.black]\nline-length = 100\n",
            "the file names no dependencies: it has no `[project]` and no `[tool.poetry]`",
        ),
        ("[project\n", "1: this is not TOML"),
        (
            '[project]\nname = "a"\nrequires-python = "==2.7.*"\n',
            "3: no Python that there is for an environment is `==2.7.*`",
        ),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    assert refusal(text)[0].removeprefix("pyproject.toml:").strip().startswith(message)


def test_dependencies_that_setuptools_reads_from_files() -> None:
    text = """\
[project]
name = "a"
dynamic = ["version", "dependencies", "optional-dependencies"]
[tool.setuptools.dynamic]
dependencies = {file = ["reqs/base.txt"]}
optional-dependencies.test = {file = "reqs/test.txt"}
"""
    files: dict[str, str | bytes] = {"reqs/base.txt": "six\n-e .\n", "reqs/test.txt": "pytest\n"}
    draft = imported("pyproject.toml", text, files, extras=("test",))
    assert packages(draft) == ("six", "pytest")
    assert lines(draft)[-1].startswith("reqs/base.txt:2:! -e . | ")
    draft = imported("pyproject.toml", '[project]\nname = "a"\ndynamic = ["dependencies"]\n')
    assert packages(draft) == ()
    assert lines(draft)[-1] == (
        "pyproject.toml:3:! dependencies | they are worked out by building the project, which no import does"
    )


POETRY = """\
[tool.poetry]
name = "mine"
description = "Mine"

[tool.poetry.dependencies]
python = "~3.9 || ^3.13"
plain = "1.2"
caret = "^1.2.3"
any = "*"
extra = {version = "~2.1", extras = ["b", "a"], optional = true}
sourced = {version = ">=1,<2", source = "internal", markers = "platform_machine == 'x86_64'"}
split = [
    {version = "1.*", python = "<3.10"},
    {version = "^2", python = ">=3.10", platform = "linux"},
]
git = {git = "https://git.example.com/a.git", tag = "v1"}
local = {path = "../local", develop = true}
either = "<1 || >=3"

[tool.poetry.extras]
more = ["extra"]

[tool.poetry.group.dev.dependencies]
pytest = "^8"
private = {path = "private"}

[[tool.poetry.source]]
name = "internal"
url = "https://index.example.com/simple"
"""


def test_poetry() -> None:
    draft = imported("pyproject.toml", POETRY)
    assert draft.environment.base == DebianBase(suite="trixie")
    assert draft.environment.description == "Mine"
    assert packages(draft) == (
        "plain==1.2",
        "caret>=1.2.3,<2",
        "any",
        'sourced>=1,<2; platform_machine == "x86_64"',
        'split==1.*; python_version < "3.10"',
        'split>=2,<3; python_version >= "3.10" and sys_platform == "linux"',
        "either>=3",
    )
    path = "it is installed from its `{}`; a definition names packages of an index"
    assert lines(draft) == [
        'pyproject.toml:6: python = "~3.9 || ^3.13" | a definition has one minor version; 3.13 was chosen',
        "pyproject.toml:11:! sourced = {version = >=1,<2, source = internal,"
        " markers = platform_machine == 'x86_64'} | `source` has no place in a definition",
        "pyproject.toml:16:! git = {git = https://git.example.com/a.git, tag = v1} | " + path.format("git"),
        "pyproject.toml:17:! local = {path = ../local, develop = true} | " + path.format("path"),
        "pyproject.toml:18:! either = <1 || >=3 | a definition has no `||`; carried over as `>=3` alone",
        "pyproject.toml:21: extra more | 1 optional requirement; taken with `--extra more`",
        "pyproject.toml:23: group dev | 1 optional requirement; taken with `--group dev`",
        "pyproject.toml:28:! [[tool.poetry.source]] https://index.example.com/simple"
        " | name the index in `indexes` of `catalog.yaml`",
    ]
    more = imported("pyproject.toml", POETRY, extras=("more",), groups=("dev",))
    assert set(packages(more)) - set(packages(draft)) == {"extra[a,b]>=2.1,<2.2", "pytest>=8,<9"}
    assert "pyproject.toml:25:! private = {path = private} | " + path.format("path") in lines(more)


def test_poetry_beside_a_project_only_says_where_packages_come_from() -> None:
    text = """\
[project]
name = "a"
requires-python = ">=3.9"
dependencies = ["one>=1", "two"]
[tool.poetry.dependencies]
one = {source = "internal"}
two = {git = "https://git.example.com/two.git"}
"""
    draft = imported("pyproject.toml", text)
    assert packages(draft) == ("one>=1",)
    reason = "it has a source of its own; a definition names packages of the catalog's indexes"
    assert lines(draft)[2:] == [
        f"pyproject.toml:6:! one: source internal | {reason}",
        f"pyproject.toml:7:! two: git https://git.example.com/two.git | {reason}",
    ]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("^1.2.3", (">=1.2.3", "<2")),
        ("^1.2", (">=1.2", "<2")),
        ("^1", (">=1", "<2")),
        ("^0.2.3", (">=0.2.3", "<0.3")),
        ("^0.0.3", (">=0.0.3", "<0.0.4")),
        ("^0.0", (">=0.0", "<0.1")),
        ("^0", (">=0", "<1")),
        ("~1.2.3", (">=1.2.3", "<1.3")),
        ("~1.2", (">=1.2", "<1.3")),
        ("~1", (">=1", "<2")),
        ("*", ()),
        ("1.*", ("==1.*",)),
        ("1.2.*", ("==1.2.*",)),
        ("!=1.2.*", ("!=1.2.*",)),
        (">= 1.2, < 1.5", (">=1.2", "<1.5")),
        (">=1.2 <1.5", (">=1.2", "<1.5")),
        ("=1.2", ("==1.2",)),
        ("v1.2", ("==1.2",)),
        ("~=1.2", ("~=1.2",)),
        ("^1.0b1", (">=1.0b1", "<2")),
    ],
)
def test_constraints_of_poetry(text: str, clauses: tuple[str, ...]) -> None:
    """The tables of Poetry's documentation, "Dependency specification"."""
    assert specifier(text) == clauses


@pytest.mark.parametrize("text", ["latest", "^", "1.2.x", "<1 || >2", "^" + "9" * 5000])
def test_constraints_without_a_form_here(text: str) -> None:
    with pytest.raises(Inexpressible):
        specifier(text)


@pytest.mark.parametrize(
    ("requires", "version", "suite", "conda"),
    [
        (">=3.8", "3.11", "bookworm", False),
        (">=3.11,<3.12", "3.11", "bookworm", False),
        (">=3.12", "3.13", "trixie", False),
        ("~=3.10", "3.11", "bookworm", False),
        (">3.11.5,<3.12", "3.11", "bookworm", False),
        ("==3.12.*", "3.12", "bookworm", True),
        ("==3.9.7", "3.9", "bookworm", True),
        (">=3.8,<3.11,!=3.10.*", "3.9", "bookworm", True),
        (">=3.14", "3.14", "bookworm", True),
    ],
)
def test_the_python_that_is_chosen(requires: str, version: str, suite: str, conda: bool) -> None:
    made = imported("pyproject.toml", f'[project]\nname = "a"\nrequires-python = "{requires}"\n').environment
    assert made.python is not None
    assert made.base == DebianBase(suite=suite)
    assert (made.python.version, made.conda is not None) == (version, conda)


def test_a_python_against_the_file() -> None:
    text = '[project]\nname = "a"\nrequires-python = ">=3.12"\n'
    draft = imported("pyproject.toml", text, python="3.11")
    assert lines(draft)[1:] == [
        'pyproject.toml:3:! requires-python = ">=3.12" | Python 3.11 was asked for, which is not among these'
    ]
