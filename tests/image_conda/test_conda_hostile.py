"""Malicious packages make no layer and no interpreter, and leave everything else as it was."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from envcatalog.image.conda.interpreter import conda_commands
from envcatalog.model.errors import Refusal
from support.conda_layers import TARGET, Channel, layer_tar
from support.conda_packages import Hard, Kind, Member, Node, Soft, Text, locked_package, member, write_package
from support.conda_python import MINOR

KINDS: tuple[Kind, ...] = ("conda", "tar.bz2")


def hostile(outside: str) -> dict[str, tuple[list[Member], str]]:
    """Members of a package, and the message; `outside` is a folder without its leading slash."""
    climbing = f"lib/../../../../{outside}/x"
    return {
        "an absolute name": ([member(f"/{outside}/x", b"x")], f"the name `/{outside}/x` is absolute"),
        "a name that climbs": (
            [member(climbing, b"x")],
            f"the name `{climbing}` has an empty, `.` or `..` component",
        ),
        "a link and a write through it": (
            [
                member("lib/python/x", kind=tarfile.SYMTYPE, target=f"/{outside}"),
                member("lib/python/x/y", b"x"),
            ],
            f"`lib/python/x` is a link to `/{outside}`, which is outside of the prefix",
        ),
        "a second name for a file outside": (
            [member("bin/python3", kind=tarfile.LNKTYPE, target=f"/{outside}/secret")],
            f"`bin/python3` is another name of `/{outside}/secret`, which is no file before it",
        ),
        "a name twice": (
            [member("lib/libx.so", b"x"), member("lib/libx.so", b"y")],
            "`lib/libx.so` is there twice",
        ),
        "a device": ([member("lib/libx.so", kind=tarfile.CHRTYPE)], "`lib/libx.so` is a device or a pipe"),
    }


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a file that no package may touch."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("as it was\n")
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", hostile("x"))
@pytest.mark.parametrize("use", ["layer", "interpreter"])
def test_nothing_leaves_the_prefix(tmp_path: Path, outside: Path, name: str, kind: Kind, use: str) -> None:
    members, message = hostile(str(outside).lstrip("/"))[name]
    channel = tmp_path / "channel"
    path = write_package(channel, "python", "3.11.7", kind=kind, members=members)
    package = locked_package(path)
    before = snapshot(outside)
    act: dict[str, Callable[[], object]] = {
        "layer": lambda: layer_tar(channel, (package,), tmp_path / "cache", python=None),
        "interpreter": lambda: list(conda_commands((package,), TARGET, Channel(channel), tmp_path / "cache")),
    }
    with pytest.raises(Refusal) as caught:
        act[use]()
    assert caught.value.message == f"`{path.name}`: {message}"
    assert snapshot(outside) == before
    assert sorted(one.name for one in tmp_path.iterdir()) in (
        ["channel", "outside"],
        ["cache", "channel", "outside"],
    )
    assert snapshot(tmp_path / "cache") == {}


REFUSED: dict[str, tuple[dict[str, Node], dict[str, object], str]] = {
    "a record": (
        {"conda-meta/other-1-0.json": "{}"},
        {},
        "`conda-meta/other-1-0.json` would replace a record of the environment",
    ),
    "the history": (
        {"conda-meta/history": ""},
        {},
        "`conda-meta/history` would replace a record of the environment",
    ),
    "a file that is not there": (
        {},
        {"paths": [{"_path": "lib/x", "path_type": "hardlink"}]},
        "it lists `lib/x`, which it does not hold",
    ),
    "a path that climbs, in the list alone": (
        {},
        {"paths": [{"_path": "../../etc/passwd", "path_type": "hardlink"}]},
        "it lists `../../etc/passwd`, which it does not hold",
    ),
    "another name": (
        {},
        {"index": {"name": "other"}},
        "it is the package `other-1.0-0` and not `bad-1.0-0`",
    ),
    "Python's modules where there is no Python": (
        {"site-packages/x.py": ""},
        {"noarch": "python"},
        "it is for Python, and the environment has none",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_packages_that_cannot_be_installed_are_named(tmp_path: Path, name: str) -> None:
    files, more, message = REFUSED[name]
    path = write_package(tmp_path, "bad", files=files, **more)  # type: ignore[arg-type]
    with pytest.raises(Refusal) as caught:
        layer_tar(tmp_path, (locked_package(path),), tmp_path, python=None)
    assert caught.value.message == f"`bad-1.0-0.conda`: {message}"


def test_a_record_holds_only_plain_values(tmp_path: Path) -> None:
    odd = {
        "timestamp": float("inf"),
        "license": {"a": 1},
        "constrains": [1],
        "track_features": "x",
        "arch": "x86",
    }
    path = write_package(tmp_path, "odd", index=odd)
    data = layer_tar(tmp_path, (locked_package(path),), tmp_path, python=None)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        stream = archive.extractfile("opt/env/conda-meta/odd-1.0-0.json")
        assert stream is not None
        record = json.loads(stream.read())
    assert {name: record.get(name) for name in odd} == {
        "timestamp": None, "license": None, "constrains": None, "track_features": "x", "arch": "x86"
    }  # fmt: skip


def test_a_free_threaded_python_is_refused(tmp_path: Path) -> None:
    modules = f"lib/python{MINOR}t/site-packages"
    path = write_package(tmp_path, "python", index={"python_site_packages_path": modules})
    with pytest.raises(Refusal) as caught:
        layer_tar(tmp_path, (locked_package(path),), tmp_path)
    assert caught.value.message == (
        f"`python-1.0-0.conda`: its modules are in `{modules}`, which is not supported"
    )


def test_a_directory_that_climbs_in_the_list_alone_is_refused(tmp_path: Path) -> None:
    path = write_package(tmp_path, "bad", paths=[{"_path": "../../x", "path_type": "directory"}])
    with pytest.raises(Refusal) as caught:
        layer_tar(tmp_path, (locked_package(path),), tmp_path, python=None)
    assert caught.value.message == "the path `opt/env/../../x` has an empty, `.` or `..` component"


def test_a_whiteout_is_refused(tmp_path: Path) -> None:
    path = write_package(tmp_path, "bad", files={"lib/.wh.libc.so": ""})
    with pytest.raises(Refusal) as caught:
        layer_tar(tmp_path, (locked_package(path),), tmp_path, python=None)
    assert caught.value.message == "the path `opt/env/lib/.wh.libc.so` would delete files of other layers"


def test_two_packages_with_one_path_are_both_named(tmp_path: Path) -> None:
    one = write_package(tmp_path, "one", files={"bin/tool": "1", "share/same": "same"})
    two = write_package(tmp_path, "two", files={"bin/tool": "2", "share/same": "same"})
    with pytest.raises(Refusal) as caught:
        layer_tar(tmp_path, (locked_package(one), locked_package(two)), tmp_path, python=None)
    assert caught.value.message == (
        "`one-1.0-0.conda` and `two-1.0-0.conda` both hold `opt/env/bin/tool`, with different contents"
    )


def test_an_entry_point_cannot_take_the_interpreters_name(tmp_path: Path, conda_channel: Path) -> None:
    program: dict[str, Node] = {
        f"bin/python{MINOR}": Text(b"#!/bin/sh\n", executable=True),
        "bin/python": Soft(f"python{MINOR}"),
    }
    python = write_package(tmp_path, "python", files=program)
    evil = write_package(tmp_path, "evil", noarch="python", entry_points=["python = evil:main"])
    with pytest.raises(Refusal) as caught:
        layer_tar(tmp_path, (locked_package(python), locked_package(evil)), tmp_path)
    assert caught.value.message == (
        "`python-1.0-0.conda` and `evil-1.0-0.conda` both hold `opt/env/bin/python`, with different contents"
    )


def test_hard_links_and_links_of_an_interpreter_are_unpacked(tmp_path: Path) -> None:
    files: dict[str, Node] = {
        f"bin/python{MINOR}": Text(b"program", executable=True),
        "bin/python": Soft(f"python{MINOR}"),
        "bin/python3": Hard(f"bin/python{MINOR}"),
        "lib/libx.so.1": "library",
        "lib/libx.so": Soft("libx.so.1"),
        "lib/libup.so": Soft("../bin/python"),
        f"lib/python{MINOR}/os.py": "module",
        f"lib/python{MINOR}/site-packages/x.py": "not needed",
        "share/large": "not needed",
    }
    path = write_package(tmp_path, "python", files=files)
    (command,) = conda_commands((locked_package(path),), TARGET, Channel(tmp_path), tmp_path / "cache")
    root = Path(command[0]).parent.parent
    assert sorted(str(one.relative_to(root)) for one in root.rglob("*") if not one.is_dir()) == sorted(
        [
            f"bin/python{MINOR}",
            "bin/python",
            "bin/python3",
            "lib/libx.so",
            "lib/libx.so.1",
            f"lib/python{MINOR}/os.py",
        ]
    )
    assert (root / "bin/python3").samefile(root / "bin/python")
    again = tuple(conda_commands((locked_package(path),), TARGET, Channel(tmp_path), tmp_path / "cache"))
    assert again == (command,)
