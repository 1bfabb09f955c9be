"""`new --from` and the SDK: what is written and said, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envcatalog.catalog.sdk import Catalog
from envcatalog.definition.reader import read_environment
from envcatalog.model.draft import Note
from envcatalog.model.environment import EnvironmentBase, Python
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.imported import NotWhole
from support.catalogs import PYTHON, Workplace, definition

CONDA = """\
name: other
channels: [conda-forge, "https://known.example.com/t/secret/ours"]
dependencies:
  - python=3.11
  - numpy=2.2
  - pywin32=306=h1
  - pip:
      - -r requirements.txt
"""
NOTES = (
    "note: ../src/environment.yml:2: https://known.example.com/t/***/ours: it is `ours` of the catalog's settings\n"
    "lost: ../src/environment.yml:6: pywin32=306=h1: it is a package for Windows, and images are for Linux\n"
    "lost: ../src/requirements.txt:2: -e .: it is a project of its own; a definition names packages of an index\n"
    "2 not carried over as it was, 1 to be known\n"
)
WRITTEN = """\
# yaml-language-server: $schema=../../schemas/environment.schema.json
# Not carried over, or not as it was:
#   environment.yml:6: pywin32=306=h1: it is a package for Windows, and images are for Linux
#   requirements.txt:2: -e .: it is a project of its own; a definition names packages of an index
name: demo
description: For a test

base: {debian: bookworm}
python:
  version: "3.11"
  packages: ["rich==13.9.0"]
conda:
  channels: [conda-forge, ours]
  packages: ["numpy=2.2"]
"""


@pytest.fixture
def place(workplace: Workplace, tmp_path: Path) -> Workplace:
    """A catalog that knows a channel, and a folder of files beside it."""
    settings = workplace.root / "catalog/catalog.yaml"
    settings.write_text(
        settings.read_text() + "channels:\n  ours: {url: 'https://known.example.com/ours/'}\n"
    )
    source = tmp_path / "src"
    source.mkdir()
    (source / "environment.yml").write_text(CONDA)
    (source / "requirements.txt").write_text("rich==13.9.0\n-e .\n")
    return workplace


def written(place: Workplace, name: str = "demo") -> str:
    return (place.root / f"catalog/{name}/environment.yaml").read_text()


def test_a_file_becomes_a_definition(place: Workplace) -> None:
    done = place.run("new", "demo", "--from", "../src/environment.yml", "--description", "For a test")
    assert tuple(done) == (0, "catalog/demo/environment.yaml\n", NOTES + "next: envcat lock demo\n")
    assert written(place) == WRITTEN
    assert place.run("validate").code == 0


def test_as_json(place: Workplace) -> None:
    done = place.run("new", "demo", "--from", "../src/environment.yml", "--format", "json")
    assert done.code == 0
    assert done.json["environment"] == "demo"
    assert done.json["path"] == "catalog/demo/environment.yaml"
    assert done.json["notes"][1] == {
        "file": "../src/environment.yml",
        "line": 6,
        "text": "pywin32=306=h1",
        "reason": "it is a package for Windows, and images are for Linux",
        "lost": True,
    }
    assert place.run("new", "plain", "--format", "json").json == {
        "environment": "plain",
        "path": "catalog/plain/environment.yaml",
        "notes": [],
    }


def test_strict_writes_nothing_where_something_is_lost(place: Workplace) -> None:
    done = place.run("new", "demo", "--from", "../src/environment.yml", "--strict")
    assert done.code == 1
    assert done.out == ""
    assert done.err == NOTES + (
        "error: 2 things cannot be carried over, and `strict` allows nothing to be lost\n"
        "hint: look at each `lost:` line, and import without it\n"
    )
    assert not (place.root / "catalog/demo").exists()
    as_json = place.run("new", "demo", "--from", "../src/environment.yml", "--strict", "--format", "json")
    assert (as_json.code, as_json.json["path"]) == (1, None)


def test_strict_takes_what_is_whole(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "src/whole.yml").write_text(
        "name: x\nchannels: [nodefaults, conda-forge]\ndependencies: [python=3.11]\n"
    )
    done = place.run("new", "demo", "--from", "../src/whole.yml", "--strict")
    assert (done.code, done.out) == (0, "catalog/demo/environment.yaml\n")
    assert "#" not in written(place).split("\n", 1)[1]


def test_options_win_over_the_file(place: Workplace) -> None:
    place.write("base", definition("base"))
    done = place.run(
        "new", "demo", "--from", "../src/environment.yml", "--environment", "base",
        "--python", "3.12", "--platform", "linux/arm64",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "lost: ../src/environment.yml:4: python=3.11: Python 3.12 was asked for instead\n" in done.err
    data = written(place).encode()
    environment = read_environment(data, "f", folder="demo").environment
    assert environment is not None
    assert environment.base == EnvironmentBase(environment="base")
    assert environment.python == Python(version="3.12", packages=("rich==13.9.0",))
    assert environment.platforms == ("linux/arm64",)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--from", "../src/no.yml"],
         "error: there is no file or folder `../src/no.yml`\n"
         "hint: an image is named `HOST/PATH:TAG` or `oci:DIR:TAG`\n"),
        (["--from", "../src"],
         "error: `../src` is a folder, and neither a conda environment nor an Azure ML one\n"
         "hint: name the file in it that says what the environment is\n"),
        (["--from", "../src/environment.yml", "-p", "numpy"],
         "error: --package does not go with --from; edit the file afterwards\nhint: run `envcat new --help`\n"),
        (["--strict"], "error: --strict needs --from\nhint: run `envcat new --help`\n"),
        (["--from", "../src/environment.yml", "--type", "conda-lok"],
         "error: there is no type `conda-lok` of file to import\n"),
        (["--from", "../src/pipe"], "error: `../src/pipe` is neither a file nor a folder\n"),
    ],
)  # fmt: skip
def test_wrong_arguments(place: Workplace, tmp_path: Path, arguments: list[str], error: str) -> None:
    os.mkfifo(tmp_path / "src/pipe")
    done = place.run("new", "demo", *arguments)
    assert done.out == ""
    assert error in done.err
    assert done.code == (1 if arguments == ["--from", "../src"] else 2)
    assert not (place.root / "catalog/demo").exists()


def test_nothing_is_overwritten(place: Workplace) -> None:
    place.write("demo", definition("demo"))
    before = written(place)
    done = place.run("new", "demo", "--from", "../src/environment.yml")
    assert (done.code, done.err) == (
        2,
        "error: `catalog/demo` exists already\nhint: edit `catalog/demo/environment.yaml`\n",
    )
    assert written(place) == before


def test_what_is_outside_of_the_folder_is_not_read(place: Workplace, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do-not-read-me\n")
    (tmp_path / "src/linked.txt").symlink_to(secret)
    (tmp_path / "src/environment.yml").write_text(
        "dependencies:\n  - python=3.11\n  - pip:\n"
        f"    - -r ../secret.txt\n    - -r {secret}\n    - -r linked.txt\n    - rich\n"
    )
    done = place.run("new", "demo", "--from", "../src/environment.yml")
    assert done.code == 0
    assert done.err.count("lost:") == 3
    assert "do-not-read-me" not in done.err + written(place)


def test_a_refusal_names_the_line(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "src/environment.yml").write_text("dependencies:\n  - python=2.7\n")
    assert tuple(place.run("new", "demo", "--from", "../src/environment.yml")) == (
        1,
        "",
        "error: ../src/environment.yml:2: `python=2.7` asks for a Python that no environment has; the oldest is 3.8\n"
        "hint: choose another one, such as `--python 3.11`\n",
    )
    done = place.run("new", "demo", "--from", "../src/environment.yml", "--python", "3.11", "--type", "conda")
    assert done.code == 0
    assert "lost: ../src/environment.yml:2: python=2.7: Python 3.11 was asked for instead\n" in done.err


def test_what_would_not_be_valid_is_refused_at_its_line(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "src/hidden.yml").write_text(
        "channels: [a]\ndependencies: [python=3.11]\nvariables:\n  B: x\n  A: 'x\u202e'\n"
    )
    assert tuple(place.run("new", "demo", "--from", "../src/hidden.yml")) == (
        1,
        "",
        "error: ../src/hidden.yml:5: the line holds the bidirectional control character U+202E\n"
        "hint: remove it; in a double-quoted string only `\\n` and `\\t` may be written as escapes\n",
    )
    assert not (place.root / "catalog/demo").exists()


def test_the_sdk(place: Workplace, tmp_path: Path) -> None:
    source = str(tmp_path / "src/environment.yml")
    with Catalog.open(place.root, cache=place.cache) as catalog:
        with pytest.raises(NotWhole) as refused:
            catalog.import_environment("demo", source, strict=True)
        assert [note.line for note in refused.value.imported.notes if note.lost] == [6, 2]
        done = catalog.import_environment("demo", source, kind="conda", python="3.11", description="Mine")
        assert (done.environment, done.path, done.lost) == ("demo", "catalog/demo/environment.yaml", 2)
        assert done.notes[1] == Note(
            file=source,
            line=6,
            text="pywin32=306=h1",
            reason="it is a package for Windows, and images are for Linux",
        )
        with pytest.raises(UserError, match="exists already"):
            catalog.import_environment("demo", source)
        with pytest.raises(Refusal, match="is no file that can be imported"):
            catalog.import_environment("more", str(place.root / "bases/oci-layout"))


def test_packages_of_a_child_get_the_python_of_its_base(place: Workplace) -> None:
    place.write("base", definition("base"))
    done = place.run("new", "child", "--environment", "base", "-p", "alpha")
    assert done.code == 0
    assert f'  version: "{PYTHON}"\n  packages: [alpha]\n' in written(place, "child")
