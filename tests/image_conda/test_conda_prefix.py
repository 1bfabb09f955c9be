"""A prefix is replaced as rattler replaces it, however the file is read, and in bounded memory."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcatalog.image import tree
from envcatalog.image.conda import prefix as conda_prefix
from envcatalog.image.conda.prefix import replace_binary, replace_text
from envcatalog.model.errors import Refusal
from support.conda_channel import index_channel
from support.conda_layers import layer_tar
from support.conda_oracle import install, locked, solve
from support.conda_packages import PLACEHOLDER, Hard, Node, Text, locked_package, write_package

P = PLACEHOLDER.encode()
LONG = b"/x" * 60


def text(data: bytes) -> Text:
    return Text(data, executable=True, placeholder=PLACEHOLDER)


def binary(data: bytes) -> Text:
    return Text(data, placeholder=PLACEHOLDER, mode="binary")


ODD: dict[str, Node] = {
    "text/plain": text(b"a " + P + b" b " + P + P + b"\n" + P),
    "text/nothing": text(b"not in here\n"),
    "text/empty": text(b""),
    "text/not-utf8": text(b"\xff\xfe " + P + b" \x80"),
    "text/windows": text(b"#!" + P + b"/bin/python\r\nx = 1\r\n"),
    "shebang/short": text(b"#!" + P + b"/bin/python -u\nprint()\n"),
    "shebang/spaces": text(b"#!  " + P + b"/bin/python  -a -b\nx\n"),
    "shebang/no-end": text(b"#!" + P + b"/bin/python"),
    "shebang/long": text(b"#!" + P + LONG + b"/python3 -E -s\nprint('" + P + b"')\n"),
    "shebang/long-perl": text(b"#!" + P + LONG + b"/perl -w\nx\n"),
    "shebang/long-no-end": text(b"#!" + P + LONG + b"/python3.11"),
    "shebang/no-path": text(b"#!python" + b" -x" * 60 + b"\n" + P),
    "shebang/long-and-spaces": text(b"#! " + P + LONG + b"/python3\nx\n"),
    "shebang/exactly-127": text(b"#!" + P + b"/" + b"a" * (127 - 2 - len("/opt/env/")) + b"\nx\n"),
    "shebang/exactly-128": text(b"#!" + P + b"/" + b"a" * (128 - 2 - len("/opt/env/")) + b"\nx\n"),
    "shebang/of-another": text(b"#!/bin/sh" + b" -x" * 60 + b"\necho " + P + b"\n"),
    "binary/one": binary(b"\0\1" + P + b"/lib\0rest" + bytes(9)),
    "binary/many": binary(P + b":" + P + b"/a:" + P + b"\0\0" + P + b"\0tail"),
    "binary/no-end": binary(b"\0head\0" + P + b"/lib"),
    "binary/nothing": binary(bytes(range(256))),
    "binary/before-it": binary(b"\0-L" + P + b"/lib -Wl,-rpath," + P + b"/lib\0\xff"),
    "names/first": text(P + b"\n"),
    "names/second": Hard("names/first"),
}


def test_odd_files_become_what_rattler_makes_of_them(tmp_path: Path) -> None:
    write_package(tmp_path / "channel", "odd", files=ODD)
    index_channel(tmp_path / "channel")
    records = solve(tmp_path / "channel", "odd", subdir="linux-64")
    install(records, tmp_path / "env", tmp_path / "cache")
    data = layer_tar(tmp_path / "channel", tuple(map(locked, records)), tmp_path, python=None)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(tmp_path, filter="tar")
    ours = {name: (tmp_path / "opt/env" / name).read_bytes() for name in ODD}
    assert ours == {name: (tmp_path / "env" / name).read_bytes() for name in ODD}
    assert ours["shebang/long-perl"] == b"#!/usr/bin/env perl -w\nx\n"
    assert ours["shebang/long"].startswith(b"#!/bin/sh\n")
    assert (tmp_path / "opt/env/names/first").samefile(tmp_path / "opt/env/names/second")


PARTS = st.lists(st.sampled_from([b"ab", b"aba", b"a", b"b", b"\0", b"\n", b"xyz", b"#!"]), max_size=60)


@given(parts=PARTS, chunk=st.integers(1, 9), new=st.sampled_from([b"", b"z", b"ab"]))
def test_pieces_do_not_matter(parts: list[bytes], chunk: int, new: bytes) -> None:
    data, old = b"".join(parts), b"aba"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "_CHUNK", chunk)
        patch.setattr(conda_prefix, "_FIRST_LINE", 4)
        texts = b"".join(replace_text(io.BytesIO(data), old, new))
        binaries = b"".join(replace_binary(io.BytesIO(data), old, new))
    if not data.startswith(b"#!"):
        assert texts == data.replace(old, new)
    else:
        line, newline, rest = data.partition(b"\n")
        expected = (line.replace(old, new) + newline + rest.replace(old, new), data.replace(old, new))
        assert texts in expected
    # The rule in other words: in each string that ends with a NUL or the file, padded to what it was.
    padded = [string.replace(old, new).ljust(len(string), b"\0") for string in data.split(b"\0")]
    assert binaries == b"\0".join(padded)
    assert len(binaries) == len(data)


def test_a_prefix_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    files: dict[str, Node] = {"lib/x.so": Text(b"\0/short\0", placeholder="/short", mode="binary")}
    path = write_package(tmp_path, "tight", files=files)
    package = locked_package(path)
    with pytest.raises(Refusal) as caught:
        layer_tar(tmp_path, (package,), tmp_path, python=None)
    assert caught.value.message == (
        "`tight-1.0-0.conda`: `lib/x.so` cannot be relocated:"
        " its placeholder has room for 6 bytes, and the prefix has 8"
    )


def test_a_string_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conda_prefix, "STRING_MAX", 1000)
    monkeypatch.setattr(tree, "_CHUNK", 100)
    with pytest.raises(Refusal, match=re.escape("it holds 1000 bytes and more without an end of a string")):
        list(replace_binary(io.BytesIO(b"x" * 2000), b"/a/b/c/d/e", b"/opt"))
