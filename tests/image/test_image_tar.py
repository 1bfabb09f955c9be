"""The tar: its bytes are fixed, standard readers read it, and nothing unsafe gets in."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcatalog.image.tar import MTIME, Entry, TarWriter
from envcatalog.model.errors import Refusal


def written(fill: Callable[[TarWriter], object]) -> bytes:
    out = io.BytesIO()
    with TarWriter(out) as tar:
        fill(tar)
    return out.getvalue()


def fixture(tar: TarWriter) -> None:
    tar.directory("tmp", 0o1777)
    tar.file("usr/bin/tool", 3, b"abc", executable=True)
    tar.hardlink("usr/bin/tool2", "usr/bin/tool")
    tar.symlink("usr/bin/tool3", "tool")
    tar.file("usr/bin-old/readme", 5, io.BytesIO(b"hello"))
    tar.file("usr/share/Főtanúsítvány.crt", 2, b"ok")
    tar.file("usr/share/" + "n" * 120, 0, b"")


def test_the_bytes_are_these() -> None:
    digest = hashlib.sha256(written(fixture)).hexdigest()
    assert digest == "6ecfabacac51ff701f39b50dd497a4e73f25b179927f489f216c59f4f5c409a8"


def test_a_standard_reader_sees_normalised_entries_and_each_parent_once() -> None:
    with tarfile.open(fileobj=io.BytesIO(written(fixture)), mode="r:") as tar:
        seen = [(m.name, m.type, oct(m.mode), m.uid, m.gid, m.uname, m.gname, m.mtime) for m in tar]
    same = (0, 0, "", "", MTIME)
    assert seen == [
        ("tmp", b"5", "0o1777", *same),
        ("usr", b"5", "0o755", *same),
        ("usr/bin", b"5", "0o755", *same),
        ("usr/bin/tool", b"0", "0o755", *same),
        ("usr/bin/tool2", b"1", "0o755", *same),
        ("usr/bin/tool3", b"2", "0o777", *same),
        ("usr/bin-old", b"5", "0o755", *same),
        ("usr/bin-old/readme", b"0", "0o644", *same),
        ("usr/share", b"5", "0o755", *same),
        ("usr/share/Főtanúsítvány.crt", b"0", "0o644", *same),
        ("usr/share/" + "n" * 120, b"0", "0o644", *same),
    ]


def test_gnu_tar_extracts_it(tmp_path: object) -> None:
    subprocess.run(
        ["tar", "-x", "-C", str(tmp_path), "--no-same-owner"], input=written(fixture), check=True, timeout=30
    )
    names = subprocess.run(
        ["find", ".", "-type", "f"], cwd=str(tmp_path), check=True, capture_output=True, text=True, timeout=30
    ).stdout.splitlines()
    assert sorted(names) == sorted(
        [
            "./usr/bin/tool",
            "./usr/bin/tool2",
            "./usr/bin-old/readme",
            "./usr/share/" + "n" * 120,
            "./usr/share/Főtanúsítvány.crt",
        ]
    )


def test_a_file_over_8_gib_has_its_size_in_a_pax_header() -> None:
    size = 8 * 1024**3

    class Started(Exception):
        pass

    class Header(io.BytesIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            if self.tell() >= 2048:
                raise Started
            return super().write(data)

    class Endless:
        def read(self, count: int, /) -> bytes:
            return bytes(count)

    out = Header()
    with pytest.raises(Started):
        TarWriter(out).file("big/file", size, Endless())
    info = tarfile.TarInfo.frombuf(out.getvalue()[1536:2048], "utf-8", "strict")
    assert (info.name, info.size) == ("big/file", 0)
    assert out.getvalue()[1024:1536].rstrip(b"\0") == b"19 size=8589934592\n"


def test_entries_record_what_two_layers_are_compared_by() -> None:
    tar = TarWriter(io.BytesIO())
    tar.file("a/f", 1, b"x", owner="one 1.0")
    tar.hardlink("a/g", "a/f")
    tar.symlink("a/h", "f")
    tar.file("a/i", 1024 * 1024 + 1, io.BytesIO(bytes(1024 * 1024 + 1)))
    digest = "644 " + hashlib.sha256(b"x").hexdigest()
    assert tar.entries == (
        Entry(path="a", kind="directory"),
        Entry(path="a/f", kind="file", content=digest, owner="one 1.0"),
        Entry(path="a/g", kind="hardlink", content=digest),
        Entry(path="a/h", kind="symlink", content="f"),
        Entry(path="a/i", kind="file"),
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "the path `` is empty"),
        ("/etc/passwd", "the path `/etc/passwd` is absolute"),
        ("a/../b", "the path `a/../b` has an empty, `.` or `..` component"),
        ("./a", "the path `./a` has an empty, `.` or `..` component"),
        ("a//b", "the path `a//b` has an empty, `.` or `..` component"),
        ("a/", "the path `a/` has an empty, `.` or `..` component"),
        ("a\0b", "the path `a\\x00b` has a control character"),
        ("a\nb", "the path `a\\nb` has a control character"),
        ("a\\b", "the path `a\\b` has a backslash"),
        ("a\\x2", "the path `a\\x2` has a backslash"),
        ("a\udc80", "the path `a\\udc80` is not UTF-8"),
        ("a" * 256, f"the path `{'a' * 200}` is longer than Linux allows"),
        ("a/" * 2048 + "b", f"the path `{'a/' * 100}` is longer than Linux allows"),
        ("usr/.wh.bin", "the path `usr/.wh.bin` would delete files of other layers"),
        ("usr/.wh..wh..opq", "the path `usr/.wh..wh..opq` would delete files of other layers"),
    ],
)
@pytest.mark.parametrize("method", ["file", "directory", "symlink", "hardlink"])
def test_an_unsafe_path_is_refused(method: str, path: str, reason: str) -> None:
    tar = TarWriter(io.BytesIO())
    arguments: dict[str, tuple[object, ...]] = {
        "file": (0, b""),
        "directory": (),
        "symlink": ("x",),
        "hardlink": ("x",),
    }
    with pytest.raises(Refusal) as raised:
        getattr(tar, method)(path, *arguments[method])
    assert raised.value.message == reason


def test_a_unit_name_with_systemds_escape_is_no_windows_separator() -> None:
    data = written(lambda tar: tar.file("etc/system-systemd\\x2dcryptsetup.slice", 0, b""))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["etc", "etc/system-systemd\\x2dcryptsetup.slice"]


def test_a_path_that_is_there_twice_is_refused() -> None:
    tar = TarWriter(io.BytesIO())
    tar.file("a/b", 0, b"")
    for again in ("a/b", "a"):
        with pytest.raises(Refusal) as raised:
            tar.file(again, 0, b"")
        assert raised.value.message == f"`{again}` is in one layer twice"


def test_a_path_below_a_file_or_link_is_refused() -> None:
    tar = TarWriter(io.BytesIO())
    tar.symlink("lib", "usr/lib")
    with pytest.raises(Refusal) as raised:
        tar.file("lib/x/y", 0, b"")
    assert raised.value.message == "`lib/x/y` lies below `lib`, which is no directory"


def test_entries_out_of_order_are_a_mistake_of_the_caller() -> None:
    tar = TarWriter(io.BytesIO())
    tar.file("a-b", 0, b"")
    with pytest.raises(ValueError, match="'a/b' was added after 'a-b'"):
        tar.file("a/b", 0, b"")


@pytest.mark.parametrize("size", [4, 6, 1024 * 1024 + 1])
def test_content_of_another_size_is_refused(size: int) -> None:
    real = 5 if size < 10 else size + 1
    for content in (bytes(real), io.BytesIO(bytes(real)), io.BytesIO(bytes(size - 1))):
        with pytest.raises(Refusal) as raised:
            TarWriter(io.BytesIO()).file("a", size, content)
        assert raised.value.message == f"`a` does not hold the {size} bytes that its package announces"


@pytest.mark.parametrize("target", ["", "a\0b", "x" * 4096])
def test_a_link_without_a_usable_target_is_refused(target: str) -> None:
    with pytest.raises(Refusal) as raised:
        TarWriter(io.BytesIO()).symlink("a", target)
    assert raised.value.message == "the symbolic link `a` has no usable target"


def test_a_hard_link_to_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refusal) as raised:
        TarWriter(io.BytesIO()).hardlink("a", "etc/shadow")
    assert raised.value.message == "the hard link `a` names `etc/shadow`, which is no file before it"


COMPONENT = st.text("abz-._ é", min_size=1, max_size=150).filter(
    lambda part: part not in (".", "..") and not part.startswith(".wh.")
)
TREES = st.dictionaries(
    st.lists(COMPONENT, min_size=1, max_size=3).map(tuple), st.binary(max_size=700), max_size=8
).filter(lambda tree: not any(a != b and b[: len(a)] == a for a in tree for b in tree))


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_any_tree_comes_back(tree: dict[tuple[str, ...], bytes]) -> None:
    def fill(tar: TarWriter) -> None:
        for path in sorted(tree):
            tar.file("/".join(path), len(tree[path]), tree[path])

    with tarfile.open(fileobj=io.BytesIO(written(fill)), mode="r:") as tar:
        members = tar.getmembers()
        found = {tuple(m.name.split("/")): tar.extractfile(m).read() for m in members if m.isfile()}  # type: ignore[union-attr]
    assert found == tree
    assert len({member.name for member in members}) == len(members)
