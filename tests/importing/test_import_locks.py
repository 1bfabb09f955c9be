"""What was imported can be locked; and what was locked and exported comes back as the same packages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.catalogs import BASE, Workplace, base_layout
from support.conda_records import RecordChannel

MD5 = "0" * 32
CONDA = """\
channels: [URL]
dependencies:
  - tool>=1.1
  - other=2.*
platforms: [linux-64, linux-aarch64]
"""


@pytest.fixture
def place(workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A catalog with a channel `ours`, and a conda file that names it by its address."""
    for name in ("CONDARC", "CONDA_PREFIX", "CONDA_ROOT", "CONDA_CHANNEL_ALIAS"):
        monkeypatch.delenv(name, raising=False)
    channel = RecordChannel(tmp_path / "channel")
    monkeypatch.setenv("ENVCATALOG_FOLDERS", str(tmp_path / "channel"))
    for version in ("1.0", "1.1"):
        channel.add("tool", version, subdirs=("linux-64", "linux-aarch64"), depends=("part",), md5=MD5)
    channel.add("other", "2.3", "h1_0", md5=MD5)
    channel.add("other", "3.0", "h1_0", md5=MD5)
    channel.add("part", "0.1", "py_7", md5=MD5)
    settings = workplace.root / "catalog/catalog.yaml"
    settings.write_text(settings.read_text() + f"channels:\n  ours: {{url: '{channel.url}'}}\n")
    (tmp_path / "environment.yml").write_text(CONDA.replace("URL", channel.url))
    return workplace


def conda_packages(place: Workplace, name: str) -> dict[str, list[tuple[str, str, str]]]:
    lock = json.loads((place.root / f"catalog/{name}/lock.json").read_text())
    return {
        platform: [(item["name"], item["version"], item["build"]) for item in found["conda"]]
        for platform, found in lock["platforms"].items()
    }


def made(place: Workplace, name: str, source: str, *options: str) -> None:
    done = place.run("new", name, "--from", source, "--image", BASE, "--strict", *options)
    assert done.code == 0, done.err
    done = place.run("lock", name)
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("to", "file"),
    [("conda", "out.yml"), ("conda-explicit", "out.txt"), ("conda-lock", "conda-lock.yml"), ("pixi", "pixi.toml")],
)  # fmt: skip
def test_in_and_out_and_in_again(place: Workplace, to: str, file: str) -> None:
    made(place, "first", "../environment.yml", "--platform", "linux/amd64")
    locked = [("other", "2.3", "h1_0"), ("part", "0.1", "py_7"), ("tool", "1.1", "0")]
    assert conda_packages(place, "first") == {"linux/amd64": locked}
    done = place.run("export", "first", "--to", to, "--output", f"../{file}")
    assert done.code == 0, done.err
    made(place, "again", f"../{file}")
    assert conda_packages(place, "again") == {"linux/amd64": locked}


def test_both_platforms(place: Workplace) -> None:

    base_layout(place.root / "bases", platforms=("amd64", "arm64"))
    made(place, "both", "../environment.yml")
    assert set(conda_packages(place, "both")) == {"linux/amd64", "linux/arm64"}
