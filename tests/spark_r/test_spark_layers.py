"""The layers that come out of `pyspark`'s source archive, and archives that are refused."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from envcatalog.image.keys import layer_key
from envcatalog.image.layers import write_layer
from envcatalog.image.tar import TarWriter
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import LockedFile
from envcatalog.model.plan import LayerKind, LayerPlan
from support.layers import (
    SITE,
    TAG,
    TARGET,
    Folder,
    NoCompiler,
    contents,
    file_sha256,
    layer_bytes,
    read_tar,
    row,
)
from support.spark import SUBMIT, VERSION, files_of, make_sdist, metadata

INFO = f"{SITE}/pyspark-{VERSION}.dist-info"


def locked(path: Path, *, name: str = "pyspark", version: str = VERSION) -> LockedFile:
    return LockedFile(
        name=name,
        version=version,
        file=path.name,
        size=path.stat().st_size,
        sha256=file_sha256(path),
        source="index:default" if name == "pyspark" else "folder",
    )


def layer(kind: LayerKind, path: Path) -> bytes:
    return layer_bytes(kind, (locked(path),), path.parent, compiler=NoCompiler())  # type: ignore[arg-type]


def refusal(path: Path) -> str:
    with pytest.raises(Refusal) as caught:
        layer("spark", path)
    return caught.value.message


def test_files_go_where_an_installation_would_put_them(tmp_path: Path) -> None:
    found = contents(layer("spark", make_sdist(tmp_path)))
    record = f"{INFO}/RECORD"
    assert sorted(found) == [
        "opt/env/bin/find-spark-home",
        "opt/env/bin/find_spark_home.py",
        "opt/env/bin/load-spark-env.sh",
        "opt/env/bin/spark-submit",
        "opt/env/bin/spark-submit.cmd",
        f"{INFO}/INSTALLER",
        f"{INFO}/METADATA",
        record,
        f"{INFO}/WHEEL",
        f"{INFO}/top_level.txt",
        f"{SITE}/pyspark/__init__.py",
        f"{SITE}/pyspark/bin/find-spark-home",
        f"{SITE}/pyspark/bin/load-spark-env.sh",
        f"{SITE}/pyspark/bin/spark-submit",
        f"{SITE}/pyspark/bin/spark-submit.cmd",
        f"{SITE}/pyspark/data/graphx/users.txt",
        f"{SITE}/pyspark/examples/src/main/python/pi.py",
        f"{SITE}/pyspark/find_spark_home.py",
        f"{SITE}/pyspark/licenses/LICENSE-a.txt",
        f"{SITE}/pyspark/python/lib/py4j-0.10.9.7-src.zip",
        f"{SITE}/pyspark/python/lib/pyspark.zip",
        f"{SITE}/pyspark/python/pyspark/shell.py",
        f"{SITE}/pyspark/sbin/spark-daemon.sh",
        f"{SITE}/pyspark/sql/__init__.py",
    ]
    assert found[f"{INFO}/METADATA"] == metadata()
    assert found[f"{SITE}/pyspark/bin/spark-submit"] == found["opt/env/bin/spark-submit"] == SUBMIT
    assert found["opt/env/bin/find_spark_home.py"] == b"#!/opt/env/bin/python\nprint('found')\n"


def test_record_names_every_file_and_the_jars(tmp_path: Path) -> None:
    archive = make_sdist(tmp_path)
    found = {**contents(layer("spark", archive)), **contents(layer("jars", archive))}
    own = f"{INFO}/RECORD"
    names = {path: path.replace(f"{SITE}/", "").replace("opt/env/bin/", "../../../bin/") for path in found}
    rows = sorted(row(names[path], data) for path, data in found.items() if path != own)
    lines = sorted([*rows, f"{names[own]},,\n"], key=lambda line: line.split(","))
    assert found[own].decode() == "".join(lines)


def test_jars_are_a_layer_of_their_own(tmp_path: Path) -> None:
    archive = make_sdist(tmp_path)
    assert contents(layer("jars", archive)) == {
        f"{SITE}/pyspark/jars/py4j.jar": b"PK py4j",
        f"{SITE}/pyspark/jars/spark-core_2.12.jar": b"PK core 3.5.9",
    }
    assert layer_key("spark", [locked(archive)], TARGET) != layer_key("jars", [locked(archive)], TARGET)


def test_a_jar_of_its_own_lies_beside_them(tmp_path: Path) -> None:
    jar = tmp_path / "udfs.jar"
    jar.write_bytes(b"PK udfs")
    files = (locked(jar, name="jars/udfs.jar", version=""),)
    data = layer_bytes("jars", files, tmp_path, compiler=NoCompiler())  # type: ignore[arg-type]
    assert contents(data) == {f"{SITE}/pyspark/jars/udfs.jar": b"PK udfs"}


def test_programs_are_executable_and_modules_are_not(tmp_path: Path) -> None:
    entries = read_tar(layer("spark", make_sdist(tmp_path)))
    assert entries["opt/env/bin/load-spark-env.sh"].mode == 0o755
    assert entries[f"{SITE}/pyspark/bin/spark-submit"].mode == 0o755
    assert entries[f"{SITE}/pyspark/bin/load-spark-env.sh"].mode == 0o644
    assert entries[f"{SITE}/pyspark/__init__.py"].mode == 0o644
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 315532800)}


def test_modules_have_byte_code_that_record_names(tmp_path: Path) -> None:
    path = make_sdist(tmp_path)
    found = contents(layer_bytes("spark", (locked(path),), tmp_path))  # type: ignore[arg-type]
    compiled = f"pyspark/__pycache__/__init__.{TAG}.pyc"
    assert f"{SITE}/{compiled}" in found
    assert f"{compiled},,\n" in found[f"{INFO}/RECORD"].decode()


def test_the_same_archive_gives_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    one = make_sdist(tmp_path / "one")
    other = make_sdist(tmp_path / "other", files=dict(reversed(files_of().items())))
    assert one.read_bytes() != other.read_bytes()
    for kind in ("spark", "jars"):
        assert layer(kind, one) == layer(kind, other)  # type: ignore[arg-type]


def test_large_jars_are_never_held(tmp_path: Path) -> None:
    files = {**files_of(), "deps/jars/large.jar": bytes(64 << 20)}
    path = make_sdist(tmp_path, files=files)
    del files
    plan = LayerPlan(
        key="sha256:" + "0" * 64, kind="jars", title="", artefacts=(locked(path),), python=TARGET
    )
    with (tmp_path / "layer.tar").open("wb") as out:
        tracemalloc.start()
        try:
            with TarWriter(out) as tar:
                write_layer(plan, Folder(tmp_path), NoCompiler(), tar)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 24 << 20


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            entry(f"pyspark-{VERSION}/pyspark/evil", tarfile.SYMTYPE, "/etc/passwd"),
            f"holds something that is neither a file nor a folder: `pyspark-{VERSION}/pyspark/evil`",
        ),
        (
            entry(f"pyspark-{VERSION}/pyspark/evil", tarfile.LNKTYPE, "pyspark/__init__.py"),
            f"holds something that is neither a file nor a folder: `pyspark-{VERSION}/pyspark/evil`",
        ),
        (
            entry(f"pyspark-{VERSION}/pyspark/evil", tarfile.FIFOTYPE),
            f"holds something that is neither a file nor a folder: `pyspark-{VERSION}/pyspark/evil`",
        ),
        (entry("/etc/passwd"), f"holds `/etc/passwd` outside its folder `pyspark-{VERSION}`"),
        (entry("../evil"), f"holds `../evil` outside its folder `pyspark-{VERSION}`"),
        (entry("other/pyspark/a.py"), f"holds `other/pyspark/a.py` outside its folder `pyspark-{VERSION}`"),
    ],
    ids=["link", "hard link", "pipe", "absolute", "above", "beside"],
)
def test_entries_that_are_no_files_of_its_folder_are_refused(
    tmp_path: Path, info: tarfile.TarInfo, expected: str
) -> None:
    path = make_sdist(tmp_path, extra=[(info, b"")])
    assert refusal(path) == f"`{path.name}` {expected}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pyspark/../../evil", f"the path `{SITE}/pyspark/../../evil` has an empty, `.` or `..` component"),
        ("deps/bin/../evil", f"the path `{SITE}/pyspark/bin/../evil` has an empty, `.` or `..` component"),
        ("pyspark//evil", f"the path `{SITE}/pyspark//evil` has an empty, `.` or `..` component"),
        ("pyspark/.wh.a", f"the path `{SITE}/pyspark/.wh.a` would delete files of other layers"),
        ("pyspark/__init__.py", f"`pyspark-{VERSION}.tar.gz` holds `{SITE}/pyspark/__init__.py` twice"),
    ],
)
def test_paths_that_leave_the_package_are_refused(tmp_path: Path, name: str, expected: str) -> None:
    path = make_sdist(tmp_path, extra=[(entry(f"pyspark-{VERSION}/{name}"), b"x")])
    assert refusal(path) == expected


def test_another_package_is_refused(tmp_path: Path) -> None:
    path = make_sdist(tmp_path, files={**files_of(), "PKG-INFO": metadata("3.5.8")})
    assert refusal(path) == f"`pyspark-{VERSION}.tar.gz` is not `pyspark` {VERSION}"


def test_a_layout_that_is_not_known_is_refused(tmp_path: Path) -> None:
    files = {name: data for name, data in files_of().items() if not name.startswith("deps/bin")}
    path = make_sdist(tmp_path, files=files)
    assert refusal(path) == (
        f"`pyspark-{VERSION}.tar.gz` holds no `pyspark/bin/spark-submit`, so its layout is not known here"
    )


@pytest.mark.parametrize("keep", [0.1, 0.9])
def test_a_damaged_archive_is_refused(tmp_path: Path, keep: float) -> None:
    path = make_sdist(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    assert refusal(path) == f"`{path.name}`: the compressed data is cut off"


def test_a_bomb_ends_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envcatalog.formats.archives.sdist.DATA_LIMIT", 1 << 20)
    path = make_sdist(tmp_path, files={**files_of(), "deps/jars/z.jar": bytes(4 << 20)})
    assert refusal(path) == f"`{path.name}`: the compressed data grows over its limit"


def test_no_archive_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"pyspark-{VERSION}.tar.gz"
    path.write_bytes(b"<html>not found</html>")
    assert refusal(path).startswith(f"`{path.name}`: the compressed data is damaged: ")
    assert io.BytesIO(path.read_bytes()).read(1) == b"<"
