"""Out and in again, and what is written against what is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcatalog.definition.canonical import definition_values
from envcatalog.definition.reader import read_environment
from envcatalog.definition.requirements import Refused, read_requirement
from support.catalogs import BASE, PYTHON, Workplace
from support.python_imports import imported

# The same examples each time, however slow the machine.
CALM = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}(?:[._-][A-Za-z0-9]{1,3})?", fullmatch=True)
RELEASES = st.lists(st.integers(0, 30), min_size=2, max_size=3).map(lambda parts: ".".join(map(str, parts)))
CLAUSES = st.tuples(st.sampled_from(["==", "!=", ">=", "<=", "<", ">", "~="]), RELEASES).map("".join)
MARKERS = st.sampled_from(
    [
        "",
        'python_version < "3.12"',
        'platform_machine == "x86_64"',
        'sys_platform == "linux" or os_name == "nt"',
    ]
)
SPACES = st.sampled_from(["", " ", "  "])


@st.composite
def requirements(draw: st.DrawFn) -> str:
    space = draw(SPACES)
    extras = draw(st.lists(NAMES, max_size=2, unique=True))
    text = draw(NAMES) + (f"[{f'{space},{space}'.join(extras)}]" if extras else "")
    text += space + f"{space},{space}".join(draw(st.lists(CLAUSES, max_size=3, unique=True)))
    marker = draw(MARKERS)
    return f"{text}{space} ; {marker}" if marker else text


@settings(CALM, max_examples=200)
@given(st.lists(requirements(), max_size=6, unique_by=lambda text: read_requirement(text)[0]))
def test_a_file_of_requirements_says_what_a_definition_says(texts: list[str]) -> None:
    wanted = [read_requirement(text) for text in texts]
    if any(isinstance(read, Refused) or read.name in ("python", "pkg-resources") for read in wanted):
        return
    draft = imported("requirements.txt", "\n".join(texts))
    assert draft.environment.python is not None
    assert [read_requirement(text) for text in draft.environment.python.packages] == wanted
    assert [note.text for note in draft.notes] == [""]


@pytest.mark.parametrize("form", ["requirements", "pylock"])
def test_what_is_exported_comes_in_as_the_same_definition(
    workplace: Workplace, tmp_path: Path, form: str
) -> None:
    workplace.add("demo", "alpha==2.0", "beta==1.0", "gamma==1.0")
    file = tmp_path / {"requirements": "requirements.txt", "pylock": "pylock.toml"}[form]
    done = workplace.run("export", "demo", "--to", form, "--output", str(file))
    assert done.code == 0, done.err
    more = ("--image", BASE, "--python", PYTHON, "--strict")
    done = workplace.run("new", "again", "--from", str(file), *more)
    assert done.code == 0, done.err
    made = []
    for name in ("demo", "again"):
        path = workplace.root / "catalog" / name / "environment.yaml"
        environment = read_environment(path.read_bytes(), path.name, folder=name).environment
        assert environment is not None
        made.append({**definition_values(environment), "name": ""})
    assert made[0] == made[1]
