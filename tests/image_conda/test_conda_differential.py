"""Random packages: ours and rattler's installer leave the same prefix."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest

from support.conda_channel import index_channel
from support.conda_layers import layer_tar, nodes_of_folder, nodes_of_tar
from support.conda_oracle import install, locked, solve
from support.conda_packages import PLACEHOLDER, Hard, Kind, Node, Soft, Text, write_package
from support.conda_python import MINOR

FOLDERS = (
    "bin",
    "lib",
    "lib/deep/er",
    "share/ü",
    "etc/conda",
    f"lib/python{MINOR}/site-packages/mod",
    "include",
)
NOARCH_FOLDERS = ("site-packages/pure", "python-scripts", "share/p")
FRAGMENTS = (
    b"#!",
    b"/bin/sh",
    b" ",
    b"\n",
    b"\0",
    b"text",
    PLACEHOLDER.encode(),
    PLACEHOLDER.encode() + b"/lib",
    b"\xff",
)


def content(source: random.Random) -> Text:
    data = b"".join(source.choices(FRAGMENTS, k=source.randrange(20)))
    if source.random() < 0.3:
        data = b"#!" + PLACEHOLDER.encode() + b"/bin/" + b"x" * source.choice([3, 200]) + b" -a\n" + data
    if data.startswith(b"#!"):
        # rattler reads a first line as UTF-8 and writes what is none as U+FFFD; ours keeps its bytes, as conda does.
        data = data.replace(b"\xff", b"?")
    has_prefix = source.random() < 0.7
    return Text(
        data,
        executable=source.random() < 0.4,
        placeholder=PLACEHOLDER if has_prefix else "",
        mode=source.choice(["text", "binary"]),
    )


def random_files(source: random.Random, name: str, folders: tuple[str, ...]) -> dict[str, Node]:
    files: dict[str, Node] = {}
    for number in range(source.randrange(1, 8)):
        files[f"{source.choice(folders)}/{name}-{number}{source.choice(['', '.txt', '.PY'])}"] = content(
            source
        )
    for number in range(source.randrange(3)):
        target = source.choice(sorted(files))
        if isinstance(files[target], Text):
            files[f"{target}.hard{number}"] = Hard(target)
            files[f"{target}.soft{number}"] = Soft(target.rpartition("/")[2])
    return files


@pytest.mark.parametrize("seed", range(20))
def test_random_packages_are_installed_as_rattler_installs_them(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    channel = tmp_path / "channel"
    write_package(
        channel, "python", f"{MINOR}.0", "0", files={f"bin/python{MINOR}": Text(b"", executable=True)}
    )
    names = []
    for number in range(source.randrange(1, 5)):
        name = f"pkg{number}"
        names.append(name)
        kind: Kind = source.choice(["conda", "tar.bz2"])
        if source.random() < 0.4:
            files = random_files(source, name, NOARCH_FOLDERS)
            write_package(
                channel, name, kind=kind, subdir="noarch", noarch="python", files=files, depends=["python"]
            )
        else:
            write_package(channel, name, kind=kind, files=random_files(source, name, FOLDERS))
    index_channel(channel)
    records = solve(channel, "python", *names, subdir="linux-64")
    install(records, tmp_path / "env", tmp_path / "cache")
    data = layer_tar(channel, tuple(map(locked, records)), tmp_path / "ours")
    ours, theirs = nodes_of_tar(data), nodes_of_folder(tmp_path / "env")
    records_of = {name for name in theirs if name.startswith("conda-meta/") and name.endswith(".json")}
    only_theirs = {"CACHEDIR.TAG", "conda-meta/history"}
    assert ours.keys() == theirs.keys() - only_theirs
    assert {name: ours[name] for name in ours.keys() - records_of} == {
        name: theirs[name] for name in ours.keys() - records_of
    }
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "unpacked", filter="tar")
    for name, (kind_of, _) in ours.items():
        if kind_of == "link":
            assert (tmp_path / "unpacked/opt/env" / name).resolve().is_file()
