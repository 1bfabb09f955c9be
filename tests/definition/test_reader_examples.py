"""Every file in `tests/examples` is a test; an invalid one has its exact problems beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from example_files import EXAMPLES, read, rendered

from envcatalog.definition.reader import Reading
from envcatalog.definition.text import compose

VALID = sorted((EXAMPLES / "valid").glob("*.yaml"))
INVALID = sorted((EXAMPLES / "invalid").glob("*.yaml"))


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_file_has_no_problem_and_a_value(path: Path) -> None:
    assert rendered(path) == ""
    reading = read(path)
    value = reading.environment if isinstance(reading, Reading) else reading.settings
    assert value is not None


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_file_has_exactly_the_expected_problems(path: Path) -> None:
    assert rendered(path) == path.with_suffix(".expected").read_text()
    reading = read(path)
    value = reading.environment if isinstance(reading, Reading) else reading.settings
    assert value is None


@pytest.mark.parametrize("path", [*VALID, *INVALID], ids=lambda path: path.stem)
def test_without_libyaml_the_same_is_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_libyaml = rendered(path)
    monkeypatch.setattr(compose, "event_parser", yaml.SafeLoader)
    without = rendered(path)
    if path.stem in ("syntax", "tab"):  # each parser has its own words for broken syntax
        assert without.splitlines()[0].split(" ")[:2] == with_libyaml.splitlines()[0].split(" ")[:2]
    else:
        assert without == with_libyaml


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_every_caret_stands_below_its_text(path: Path) -> None:
    lines = path.read_text().split("\n")
    for problem in read(path).problems:
        assert len(problem.source) == len(lines[problem.line - 1])
        assert problem.file == path.name
        assert 1 <= problem.column <= len(problem.source) + 1
        assert problem.column - 1 + problem.length <= max(len(problem.source), 1)
        assert not problem.message.endswith(".")
        assert "\n" not in problem.message + problem.hint


def test_every_expected_file_has_an_example() -> None:
    assert {path.stem for path in (EXAMPLES / "invalid").glob("*.expected")} == {
        path.stem for path in INVALID
    }
