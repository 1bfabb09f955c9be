"""What the README says of exports, and of those who watch over them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from envcatalog.formats.outgoing.exporting import FORMATS
from support.servers import missing

README = (Path(__file__).parents[2] / "README.md").read_text()
DEFINITION = """\
name: sklearn
description: "of 2026; not pandas>=2"
base: {image: "registry.example.com:5000/library/python:3.12-slim"}
python:
  version: "3.12"
  packages:
    - pandas==2.2.3
    - "uvicorn[standard]==0.30.1; python_version < '4'"
    - 'Django == 5'
    - scipy>=1.10,<2
    - torch~=2.1
conda: {channels: [conda-forge], packages: ["numpy=2.2"]}
"""
FLOW = (
    'python: {version: "3.12", packages: ["a-b==1.0", c===2, d!=3]}\nbase: {image: ghcr.example.com/a/b:1}\n'
)


def block(marker: str) -> str:
    """The code block after a marker."""
    found = re.search(rf"^<!-- {marker} -->\n```\w+\n(.+?)\n```$", README, re.M | re.S)
    assert found
    return found[1]


def test_every_format_has_its_row() -> None:
    table = README.partition("| format | for |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.M) == list(FORMATS)
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| (\w+) \|", table, re.M))
    source = {
        name: "image" if item.image else "lock" if item.lock else "definition"
        for name, item in FORMATS.items()
    }
    assert rows == source
    (command,) = re.findall(r"^\| `envcat export REF --to FORMAT` \| (.+?);", README, re.M)
    assert command == ", ".join(f"`{name}`" for name in FORMATS)


@pytest.mark.parametrize(
    ("marker", "schema"), [("renovate", "vendor.renovate"), ("dependabot", "vendor.dependabot")]
)
def test_the_configurations_fit_their_schemas(marker: str, schema: str, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    if not program.is_file():
        missing("check-jsonschema, which is not installed")
    file = tmp_path / ("file.json" if marker == "renovate" else "file.yml")

    def problems(text: str) -> str:
        file.write_text(text)
        done = subprocess.run(
            [str(program), "--builtin-schema", schema, str(file)], capture_output=True, text=True, check=False
        )
        return done.stdout if done.returncode else ""

    assert problems(block(marker)) == ""
    wrong = block(marker).replace(': "regex"', ': "regexx"').replace("package-ecosystem: pip", "x: y")
    assert problems(wrong) != ""


def found(number: int, text: str) -> list[tuple[str, str]]:
    """What a custom manager of Renovate finds: name and version."""
    (pattern,) = json.loads(block("renovate"))["customManagers"][number]["matchStrings"]
    return re.findall(pattern.replace("(?<", "(?P<"), text)


def test_renovate_finds_pins_and_nothing_else() -> None:
    assert found(0, DEFINITION) == [("pandas", "2.2.3"), ("uvicorn", "0.30.1")]
    assert found(0, FLOW) == [("a-b", "1.0")]


def test_renovate_finds_base_images() -> None:
    assert found(1, DEFINITION) == [("registry.example.com:5000/library/python", "3.12-slim")]
    assert found(1, FLOW) == [("ghcr.example.com/a/b", "1")]


def test_renovate_looks_at_definitions_alone() -> None:
    for manager in json.loads(block("renovate"))["customManagers"]:
        (pattern,) = manager["managerFilePatterns"]
        matches = re.compile(pattern.strip("/")).search
        assert matches("catalog/sklearn/environment.yaml")
        assert not matches("catalog/sklearn/lock.json")
        assert not matches("other/catalog/sklearn/environment.yaml")
