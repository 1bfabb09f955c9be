"""Where the compiling interpreter comes from, and what is not fetched for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcatalog.image import interpreters
from envcatalog.image.interpreters import commands, is_installed
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Artefact, Deb
from envcatalog.model.plan import PythonTarget

TARGET = PythonTarget(version="3.11", interpreter="/usr/bin/python3.11", bytecode="3.11.2")
NEEDED = ("libc6", "libexpat1", "libpython3.11-minimal", "python3.11-minimal", "zlib1g")
OTHERS = ("libpython3.11-stdlib", "libssl3", "python3.11", "libdb5.3")


def deb(name: str, version: str = "3.11.2-6+deb12u9") -> Deb:
    return Deb(
        name=name, version=version, architecture="amd64", path=f"pool/{name}.deb", size=1, sha256=name.ljust(64, "0")
    )  # fmt: skip


def status(folder: Path, *entries: tuple[str, str, str]) -> Path:
    file = folder / "status"
    file.write_text("".join(
        f"Package: {name}\nStatus: {state}\nArchitecture: amd64\nVersion: {version}\nDescription: x\n y\n\n"
        for name, state, version in entries
    ))  # fmt: skip
    return file


OK = "install ok installed"


@pytest.mark.parametrize(
    ("entries", "installed"),
    [
        ([("python3.11-minimal", OK, "3.11.2-6+deb12u9")], True),
        ([("zlib1g", OK, "1"), ("python3.11-minimal", OK, "3.11.2-6+deb12u6"), ("zsh", OK, "2")], True),
        ([("python3.11-minimal", OK, "3.11.2-6")], True),
        ([("python3.11-minimal", OK, "3.11.2-7")], False),
        ([("python3.11-minimal", OK, "3.11.4-1")], False),
        ([("python3.11-minimal", "deinstall ok config-files", "3.11.2-6+deb12u9")], False),
        ([("xpython3.11-minimal", OK, "3.11.2-6"), ("python3.11-minimal-x", OK, "3.11.2-6")], False),
        ([("python3.11-minimal", "deinstall ok config-files", "1"), ("zsh", OK, "3.11.2-6")], False),
        ([], False),
    ],
)
def test_debians_own_interpreter_is_known_by_its_package(
    tmp_path: Path, entries: list[tuple[str, str, str]], installed: bool
) -> None:
    locked = [deb(name) for name in (*NEEDED, *OTHERS)]
    assert is_installed(locked, status(tmp_path, *entries)) is installed


def test_no_package_manager_and_no_interpreter(tmp_path: Path) -> None:
    assert not is_installed([deb("python3.11-minimal")], tmp_path / "none")
    assert not is_installed([deb("zlib1g")], status(tmp_path, ("zlib1g", OK, "3.11.2-6+deb12u9")))


class Nowhere:
    """Has no file, and keeps what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def prefetch(self, artefacts: tuple[Artefact, ...]) -> None:
        self.asked += [artefact.name for artefact in artefacts]
        raise Refusal("nowhere")

    def path(self, artefact: Artefact) -> Path:
        raise Refusal("nowhere")


def test_the_installed_one_comes_first_and_little_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "host_platform", lambda: "linux/amd64")
    locked = (("linux/amd64", tuple(deb(name) for name in sorted((*NEEDED, *OTHERS)))),)
    artefacts = Nowhere()
    monkeypatch.setattr(interpreters, "is_installed", lambda _: True)
    found = commands(TARGET, locked, artefacts, tmp_path)
    assert next(found) == ("/usr/bin/python3.11",)
    assert artefacts.asked == []
    with pytest.raises(Refusal, match="nowhere"):
        next(found)
    assert artefacts.asked == list(NEEDED)
