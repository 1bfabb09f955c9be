"""Conda packages are read as conda's specification says, and hostile ones are refused with nothing written anywhere."""

from __future__ import annotations

import bz2
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envcatalog.formats.archives import conda_archive
from envcatalog.formats.archives.conda_archive import CondaArchive
from envcatalog.formats.archives.conda_info import OLD_PLACEHOLDER, BadConda, EntryPoint, PathEntry
from support.conda_packages import (
    PLACEHOLDER,
    Hard,
    Kind,
    Member,
    Soft,
    Text,
    member,
    tar_bytes,
    write_conda,
    write_package,
    zstd,
)

KINDS: tuple[Kind, ...] = ("conda", "tar.bz2")


def read(path: Path) -> dict[str, tuple[str, bytes | str]]:
    """All members, and what the package says of itself, which must be readable."""
    found: dict[str, tuple[str, bytes | str]] = {}
    with CondaArchive(path) as archive:
        for one in archive.members():
            found[one.path] = (one.kind, one.content.read() if one.content else one.target)
        archive.info()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_read_whole(tmp_path: Path, kind: Kind) -> None:
    path = write_package(
        tmp_path,
        "whole",
        "1.0",
        "py_3",
        kind=kind,
        noarch="python",
        entry_points=["run = whole.main:Class.call", " other=whole:main"],
        depends=["python >=3.8"],
        files={
            "site-packages/whole/__init__.py": "x = 1\n",
            "bin/tool": Text(f"#!{PLACEHOLDER}/bin/sh\n".encode(), executable=True, placeholder=PLACEHOLDER),
            "bin/link": Soft("tool"),
            "bin/same": Hard("bin/tool"),
            "share/große/datei.txt": b"\0" * 100_000,
        },
        members=[member("share/empty/", kind=tarfile.DIRTYPE)],
    )
    assert read(path) == {
        "bin/link": ("symlink", "tool"),
        "bin/tool": ("file", f"#!{PLACEHOLDER}/bin/sh\n".encode()),
        "share/große/datei.txt": ("file", b"\0" * 100_000),
        "site-packages/whole/__init__.py": ("file", b"x = 1\n"),
        "bin/same": ("hardlink", "bin/tool"),
        "share/empty": ("directory", ""),
    }
    with CondaArchive(path) as archive:
        info = archive.info()  # before the members
        programs = {one.path for one in archive.members() if one.executable}
        assert archive.info() == info
    assert programs == {"bin/tool"}
    assert (info.index["name"], info.index["version"], info.index["build_number"]) == ("whole", "1.0", 3)
    assert info.about["license"] == "BSD-3-Clause"
    assert info.noarch == "python"
    assert info.entry_points == (
        EntryPoint(name="run", module="whole.main", call="Class.call"),
        EntryPoint(name="other", module="whole", call="main"),
    )
    tool = next(path for path in info.paths if path.path == "bin/tool")
    assert (tool.kind, tool.placeholder, tool.mode, len(tool.sha256)) == ("file", PLACEHOLDER, "text", 64)


def test_packages_from_before_paths_json_are_read(tmp_path: Path) -> None:
    path = write_package(
        tmp_path,
        "old",
        kind="tar.bz2",
        files={"bin/a": "a", "bin/b c": "b", "lib/d": "d"},
        info={
            "info/paths.json": b"",
            "info/has_prefix": f'bin/a\n"{PLACEHOLDER}" binary "bin/b c"\n'.encode(),
        },
    )
    with CondaArchive(path) as archive:
        assert archive.info().paths == (
            PathEntry(path="bin/a", placeholder=OLD_PLACEHOLDER),
            PathEntry(path="bin/b c", placeholder=PLACEHOLDER, mode="binary"),
            PathEntry(path="lib/d"),
        )


HOSTILE: dict[str, tuple[list[Member], str]] = {
    "an absolute name": ([member("/etc/passwd", b"x")], "the name `/etc/passwd` is absolute"),
    "a name that climbs": (
        [member("lib/../../escaped", b"x")],
        "the name `lib/../../escaped` has an empty, `.` or `..` component",
    ),
    "a folder that climbs": (
        [member("../escaped/", kind=tarfile.DIRTYPE)],
        "the name `../escaped` has an empty, `.` or `..` component",
    ),
    "an absolute link": (
        [member("lib/x", kind=tarfile.SYMTYPE, target="/etc/passwd")],
        "`lib/x` is a link to `/etc/passwd`, which is outside of the prefix",
    ),
    "a link that climbs": (
        [member("lib/x", kind=tarfile.SYMTYPE, target="../../escaped")],
        "`lib/x` is a link to `../../escaped`, which is outside of the prefix",
    ),
    "a link to nothing": (
        [member("lib/x", kind=tarfile.SYMTYPE, target="")],
        "`lib/x` is a link to ``, which is outside of the prefix",
    ),
    "a write through a link": (
        [member("lib/x", kind=tarfile.SYMTYPE, target="y"), member("lib/x/escaped", b"x")],
        "`lib/x/escaped` lies below `lib/x`, which is no folder",
    ),
    "a write through a link to a folder": (
        [member("lib/x", kind=tarfile.SYMTYPE, target="."), member("lib/x/", kind=tarfile.DIRTYPE)],
        "`lib/x` is there twice",
    ),
    "a link in a folder's place": (
        [member("lib/x/y", b"x"), member("lib/x", kind=tarfile.SYMTYPE, target="..")],
        "`lib/x` is there twice",
    ),
    "a file below a file": (
        [member("lib/x", b"x"), member("lib/x/y/z", b"x")],
        "`lib/x/y/z` lies below `lib/x`, which is no folder",
    ),
    "a name twice": ([member("lib/x", b"x"), member("lib/x", b"y")], "`lib/x` is there twice"),
    "a name twice, spelt in two ways": (
        [member("lib/x", b"x"), member("./lib/x", b"y")],
        "`lib/x` is there twice",
    ),
    "a second name of a file outside": (
        [member("lib/x", kind=tarfile.LNKTYPE, target="/etc/passwd")],
        "`lib/x` is another name of `/etc/passwd`, which is no file before it",
    ),
    "a second name of a link": (
        [
            member("lib/x", kind=tarfile.SYMTYPE, target="y"),
            member("lib/z", kind=tarfile.LNKTYPE, target="lib/x"),
        ],
        "`lib/z` is another name of `lib/x`, which is no file before it",
    ),
    "a device": ([member("dev/null", kind=tarfile.CHRTYPE)], "`dev/null` is a device or a pipe"),
    "a pipe": ([member("run/pipe", kind=tarfile.FIFOTYPE)], "`run/pipe` is a device or a pipe"),
    "a control character": ([member("lib/a\nb", b"x")], "the name `lib/a\\nb` has a control character"),
    "a long component": (
        [member("lib/" + "n" * 256, b"x")],
        f"the name `lib/{'n' * 196}` is longer than Linux allows",
    ),
    "a long path": (
        [member("/".join(["n" * 200] * 21), b"x")],
        f"the name `{'n' * 200}` is longer than Linux allows",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_members_are_refused(tmp_path: Path, name: str, kind: Kind) -> None:
    members, message = HOSTILE[name]
    path = write_package(tmp_path, "hostile", kind=kind, members=members)
    with pytest.raises(BadConda) as caught:
        read(path)
    assert caught.value.message == message


def index(**more: Any) -> dict[str, bytes]:
    return {"info/index.json": json.dumps({"name": "x", "version": "1", "build": "0", **more}).encode()}


def paths(*entries: dict[str, Any]) -> dict[str, bytes]:
    return {"info/paths.json": json.dumps({"paths": entries, "paths_version": 1}).encode()}


def link(*points: str) -> dict[str, bytes]:
    return {"info/link.json": json.dumps({"noarch": {"type": "python", "entry_points": points}}).encode()}


LIES: dict[str, tuple[dict[str, bytes], str]] = {
    "no index": ({"info/index.json": b""}, "the package has no `info/index.json`"),
    "an index that is no JSON": ({"info/index.json": b"{"}, "`info/index.json` cannot be read"),
    "an index that nests": ({"info/index.json": b"[" * 100_000}, "`info/index.json` cannot be read"),
    "no version": ({"info/index.json": b'{"name": "x"}'}, "`info/index.json` has no `version`"),
    "a version that is a number": (index(version=1), "`info/index.json` has no `version`"),
    "paths of another version": (
        {"info/paths.json": b'{"paths": [], "paths_version": 2}'},
        "`info/paths.json` is not of version 1",
    ),
    "a path that is no text": (paths({"_path": 1}), "`info/paths.json` has a malformed entry"),
    "a path of another kind": (
        paths({"_path": "a", "path_type": "device"}),
        "`info/paths.json` has a malformed entry",
    ),
    "a mode that is none": (
        paths({"_path": "a", "path_type": "hardlink", "file_mode": "x"}),
        "`info/paths.json` has a malformed entry",
    ),
    "half a character": (
        paths({"_path": "a", "path_type": "hardlink", "prefix_placeholder": "/a\ud800"}),
        "`info/paths.json` cannot be read",
    ),
    "a path twice": (
        paths({"_path": "a", "path_type": "hardlink"}, {"_path": "a", "path_type": "softlink"}),
        "the package's list of files names one path twice",
    ),
    "an entry point outside of the prefix": (
        link("../../etc/cron.d/x = a:b"),
        "the package wants the entry point `../../etc/cron.d/x = a:b`, which cannot be made",
    ),
    "an absolute entry point": (
        link("/etc/x = a:b"),
        "the package wants the entry point `/etc/x = a:b`, which cannot be made",
    ),
    "an entry point that is a program": (
        link("x = a:b(__import__('os').system('id'))"),
        "the package wants the entry point `x = a:b(__import__('os').system('id'))`, which cannot be made",
    ),
    "an entry point over two lines": (
        link("x = a\nimport os:b"),
        "the package wants the entry point `x = a\\nimport os:b`, which cannot be made",
    ),
    "entry points that are no list": (
        {"info/link.json": b'{"noarch": {"type": "python", "entry_points": {"a": 1}}}'},
        "`info/link.json` has malformed entry points",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_what_a_package_says_is_checked(tmp_path: Path, name: str) -> None:
    info, message = LIES[name]
    with pytest.raises(BadConda) as caught:
        read(write_package(tmp_path, "liar", info=info))
    assert caught.value.message == message


def test_a_bomb_stops_at_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conda_archive, "EXPANSION_FREE", 1 << 20)
    for kind in KINDS:
        path = write_package(tmp_path, "bomb", kind=kind, files={"zeros": bytes(64 << 20)})
        assert path.stat().st_size < 40_000
        with pytest.raises(BadConda) as caught:
            read(path)
        assert caught.value.message == "the compressed data grows over its limit"


def test_an_info_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conda_archive, "INFO_LIMIT", 1000)
    path = write_package(tmp_path, "bomb", info={"info/about.json": b" " * 1001})
    with pytest.raises(BadConda) as caught:
        read(path)
    assert caught.value.message == "`info/about.json` is too large"


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_refused(tmp_path: Path, kind: Kind) -> None:
    path = write_package(tmp_path, "whole", kind=kind, files={"a": "hello\n" * 1000})
    data = path.read_bytes()
    for cut in (0, 3, 10, len(data) // 3, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(BadConda):
            read(path)
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            read(path)
        except BadConda:
            continue  # the rest of the changes is in what is not read, such as the zip's times


def parts(**changed: bytes | None) -> dict[str, bytes]:
    pkg = zstd.compress(tar_bytes([member("a", b"a")]))
    info = zstd.compress(tar_bytes([member("info/index.json", index()["info/index.json"])]))
    found = {"metadata.json": b"{}", "pkg-x-1-0.tar.zst": pkg, "info-x-1-0.tar.zst": info, **changed}
    return {name: data for name, data in found.items() if data is not None}


def deflated(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts().items():
            archive.writestr(name, data)


def renamed(path: Path) -> None:
    write_conda(path, parts())
    data = path.read_bytes()
    path.write_bytes(data.replace(b"pkg-x-1-0", b"pkg-y-1-0", 1))


OUTER: dict[str, tuple[Callable[[Path], object], str]] = {
    "neither format": (
        lambda path: path.write_bytes(b"\x1f\x8b" + bytes(100)),
        "the file is neither a zip (`.conda`) nor compressed by bzip2 (`.tar.bz2`)",
    ),
    "no content": (
        lambda path: write_conda(path, parts(**{"pkg-x-1-0.tar.zst": None})),
        "the file holds 0 members `pkg-*.tar.zst` and not one",
    ),
    "two contents": (
        lambda path: write_conda(path, parts(**{"pkg-y-1-0.tar.zst": b""})),
        "the file holds 2 members `pkg-*.tar.zst` and not one",
    ),
    "no info": (
        lambda path: write_conda(path, parts(**{"info-x-1-0.tar.zst": None})),
        "the file holds 0 members `info-*.tar.zst` and not one",
    ),
    "many members": (
        lambda path: write_conda(path, parts() | {f"x{number}": b"" for number in range(62)}),
        "the file holds over 64 members",
    ),
    "compressed once more": (deflated, "`pkg-x-1-0.tar.zst` is compressed once more, or encrypted"),
    "two names for one member": (renamed, "the file is no zip file, or a damaged one"),
}


@pytest.mark.parametrize("name", OUTER)
def test_the_outer_zip_is_checked(tmp_path: Path, name: str) -> None:
    make, message = OUTER[name]
    path = tmp_path / "x-1-0.conda"
    make(path)
    with pytest.raises(BadConda) as caught:
        read(path)
    assert caught.value.message == message


def test_info_counts_only_where_it_belongs(tmp_path: Path) -> None:
    extra = member("info/index.json", json.dumps({"name": "evil", "version": "1", "build": "0"}).encode())
    path = write_package(tmp_path, "good", members=[extra])
    with CondaArchive(path) as archive:
        assert [one.path for one in archive.members()] == []
        assert archive.info().index["name"] == "good"


def test_a_file_is_streamed(tmp_path: Path) -> None:
    path = write_package(tmp_path, "large", files={"a": bytes(range(256)) * 4096, "b": "b"})
    with CondaArchive(path) as archive:
        sizes = []
        for one in archive.members():
            assert one.content is not None
            sizes.append((one.path, one.size, len(one.content.read(10))))
    assert sizes == [("a", 1 << 20, 10), ("b", 1, 1)]


def test_a_tar_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2 << 20
    data = info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    path = tmp_path / "x.tar.bz2"
    path.write_bytes(bz2.compress(data))
    with pytest.raises(BadConda) as caught:
        read(path)
    assert caught.value.message == "the package holds a tar header of an absurd size"
