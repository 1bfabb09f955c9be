"""Layers of conda packages hold what rattler's own installer leaves, file by file, and the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rattler import PrefixRecord

from envcatalog.image.tar import MTIME
from envcatalog.model.lock import CondaPackage
from support.conda_channel import HOST
from support.conda_layers import TARGET, layer_tar, nodes_of_folder, nodes_of_tar
from support.conda_oracle import install, locked, solve
from support.conda_packages import PLACEHOLDER, Hard, Node, Soft, Text, locked_package, write_package
from support.conda_python import MINOR
from support.layers import NoCompiler, layer_bytes, make_wheel

SPECS = ("python", "greeting", "extension", "with-script", "shared-data")
LIBRARY = f"lib/python{MINOR}"


@pytest.fixture(scope="module")
def packages(conda_channel: Path) -> tuple[CondaPackage, ...]:
    """A solution with every kind of package."""
    return tuple(map(locked, solve(conda_channel, *SPECS, subdir=HOST)))


@pytest.fixture(scope="module")
def made(
    conda_channel: Path, packages: tuple[CondaPackage, ...], tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """One layer with all of them."""
    requested = (("greeting", "greeting >=1.0"), ("python", f"python {MINOR}.*"))
    return layer_tar(conda_channel, packages, tmp_path_factory.mktemp("cache"), requested=requested)


@pytest.fixture(scope="module")
def prefix(conda_channel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same installed by rattler, for the prefix of an image."""
    folder = tmp_path_factory.mktemp("oracle")
    records = solve(conda_channel, *SPECS, subdir=HOST)
    install(records, folder / "env", folder / "cache")
    return folder / "env"


def test_the_prefix_is_the_one_that_rattler_makes(made: bytes, prefix: Path) -> None:
    ours, theirs = nodes_of_tar(made), nodes_of_folder(prefix)
    # The folder's mark for backup programs, and a history without content; ours is a layer of its own.
    only_theirs = {"CACHEDIR.TAG", "conda-meta/history"}
    # Byte code: theirs is what the packages bring (of `json` and `encodings` here), ours is of every module.
    cached = {name for name in {*ours, *theirs} if "/__pycache__/" in name}
    assert {name for name in cached if name not in theirs} > {
        f"{LIBRARY}/__pycache__/os.cpython-{MINOR.replace('.', '')}.pyc"
    }
    # The programs of entry points are our own text, the records are compared below.
    written = {"bin/greet", "bin/greet-loudly"} | {
        name for name in theirs if name.startswith("conda-meta/") and name.endswith(".json")
    }
    assert ours.keys() - cached == theirs.keys() - cached - only_theirs
    same = ours.keys() - cached - written
    assert len(same) > 500
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert all(ours[name][0] == theirs[name][0] for name in written)


def test_records_say_what_rattlers_say(made: bytes, prefix: Path, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        archive.extractall(tmp_path, filter="tar")
    ours = tmp_path / "opt/env/conda-meta"
    names = sorted(path.name for path in ours.glob("*.json"))
    assert names == sorted(path.name for path in (prefix / "conda-meta").glob("*.json"))
    for name in names:
        mine = json.loads((ours / name).read_text())
        other = json.loads((prefix / "conda-meta" / name).read_text())
        # Where it came from and was unpacked is a machine's matter; when it was indexed, the channel's.
        for field in (
            "url",
            "channel",
            "extracted_package_dir",
            "link",
            "indexed_timestamp",
            "md5",
            "requested_specs",
        ):
            mine.pop(field, None), other.pop(field, None)
        mine.pop("requested_spec", None)
        other["depends"].sort()  # as a lock has them
        for record in (mine, other):
            record["paths_data"] = {path["_path"]: path for path in comparable(record["paths_data"]["paths"])}
            record["files"] = sorted(name for name in record["files"] if "__pycache__" not in name)
        assert mine == other


def comparable(paths: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for path in sorted(paths, key=lambda path: path["_path"]):
        if "__pycache__" in path["_path"]:
            continue
        kept = dict(path)
        if path["path_type"] == "unix_python_entry_point":
            del kept["sha256"], kept["size_in_bytes"]
            kept.pop("sha256_in_prefix", None)
        else:
            kept.setdefault("sha256_in_prefix", path["sha256"])  # rattler leaves out what is the same
        found.append(kept)
    return found


def test_rattler_reads_the_records(made: bytes, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        archive.extractall(tmp_path, filter="tar")
    meta = tmp_path / "opt/env/conda-meta"
    found = {record.name.normalized: record for record in map(PrefixRecord.from_path, meta.glob("*.json"))}
    assert found.keys() == {
        "extension", "greeting", "native", "python", "python-libs", "python_abi", "shared-data", "with-script"
    }  # fmt: skip
    greeting = found["greeting"]
    assert (str(greeting.version), greeting.channel, greeting.requested_specs) == (
        "1.1",
        "local",
        ["greeting >=1.0"],
    )
    assert greeting.requested_spec == "greeting >=1.0"
    assert greeting.url == "pkg:conda/greeting@1.1?build=pyh0_0&channel=local&subdir=noarch&type=conda"
    assert found["native"].requested_specs == []
    # Every file of the prefix but the records is in exactly one record, byte code included.
    listed = [str(path) for record in found.values() for path in record.files]
    there = {name for name in nodes_of_folder(tmp_path / "opt/env") if not name.startswith("conda-meta/")}
    assert sorted(listed) == sorted(there | {"conda-meta/state-of-native.txt"})


def test_installed_files_have_the_digests_of_their_records(made: bytes, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        archive.extractall(tmp_path, filter="tar")
    prefix = tmp_path / "opt/env"
    count = 0
    for record in (prefix / "conda-meta").glob("*.json"):
        for path in json.loads(record.read_text())["paths_data"]["paths"]:
            place = prefix / path["_path"]
            if path["path_type"] in ("hardlink", "unix_python_entry_point"):
                assert hashlib.sha256(place.read_bytes()).hexdigest() == path["sha256_in_prefix"], place
                assert place.stat().st_size == path["size_in_bytes"]
                count += 1
    assert count > 500


def test_the_same_packages_give_the_same_bytes(
    conda_channel: Path, packages: tuple[CondaPackage, ...], made: bytes, tmp_path: Path
) -> None:
    requested = (("greeting", "greeting >=1.0"), ("python", f"python {MINOR}.*"))
    assert layer_tar(conda_channel, packages, tmp_path, requested=requested) == made


def test_the_bytes_are_these(tmp_path: Path) -> None:
    files: dict[str, Node] = {
        "bin/tool": Text(f"#!{PLACEHOLDER}/bin/sh\n".encode(), executable=True, placeholder=PLACEHOLDER),
        "bin/again": Hard("bin/tool"),
        "lib/libx.so.1": Text(b"\0" + PLACEHOLDER.encode() + b"\0", placeholder=PLACEHOLDER, mode="binary"),
        "lib/libx.so": Soft("libx.so.1"),
        "share/é/empty": "",
    }
    path = write_package(tmp_path, "golden", files=files, kind="tar.bz2", depends=["other >=1"])
    package = replace(locked_package(path, "some-channel"), depends=("other >=1",))
    data = layer_tar(tmp_path, (package,), tmp_path, python=None, requested=(("golden", "golden=1"),))
    assert package.sha256 == "91b0e422cd103f8d9521b65beb6c0f983f456ebdc3a7a7710142cf5e084bc202"
    assert (
        hashlib.sha256(data).hexdigest() == "d4cf1523733a74026130ea9b45256d70ce68b8e272ead6e64abbc6eebb942b1e"
    )


def test_headers_say_nothing_of_where_it_was_built(made: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        headers = {(one.uid, one.gid, one.uname, one.gname, one.mtime) for one in archive.getmembers()}
        modes = {(one.type, one.mode) for one in archive.getmembers()}
    assert headers == {(0, 0, "", "", MTIME)}
    assert modes == {
        (tarfile.REGTYPE, 0o644),
        (tarfile.REGTYPE, 0o755),
        (tarfile.DIRTYPE, 0o755),
        (tarfile.SYMTYPE, 0o777),
        (tarfile.LNKTYPE, 0o755),
    }


def test_byte_code_is_of_all_modules_but_tests(made: bytes) -> None:
    names = set(nodes_of_tar(made))
    tag = "cpython-" + MINOR.replace(".", "")
    site = f"{LIBRARY}/site-packages"
    assert f"{site}/greeting/__pycache__/loud.{tag}.pyc" in names
    assert f"{LIBRARY}/json/__pycache__/decoder.{tag}.pyc" in names
    assert not [
        name
        for name in names
        if "/tests/__pycache__/" in name or ("broken." in name and "__pycache__" in name)
    ]
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        stream = archive.extractfile(f"opt/env/{site}/extension/__pycache__/where.{tag}.pyc")
        assert stream is not None
        data = stream.read()
    assert int.from_bytes(data[8:12], "little") == MTIME
    assert b"/opt/env/" + f"{site}/extension/where.py".encode() in data


def test_wheels_go_into_a_conda_prefix_as_pip_puts_them_there(tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path,
        "tool",
        {
            "tool/__init__.py": b"x = 1\n",
            "tool-1.0.data/headers/tool.h": b"\n",
            "tool-1.0.data/scripts/t": b"#!python\n",
        },
        entry_points="[console_scripts]\nrun-tool = tool:main\n",
    )
    data = layer_bytes("wheels", (wheel,), tmp_path, python=TARGET, compiler=NoCompiler())
    found = set(nodes_of_tar(data))
    assert found == {
        "bin/run-tool",
        "bin/t",
        f"include/python{MINOR}/tool/tool.h",
        f"{LIBRARY}/site-packages/tool/__init__.py",
        *(f"{LIBRARY}/site-packages/tool-1.0.dist-info/{name}" for name in (
            "INSTALLER", "METADATA", "RECORD", "WHEEL", "entry_points.txt"
        )),
    }  # fmt: skip
