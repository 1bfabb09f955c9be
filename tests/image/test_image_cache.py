"""The layer cache: atomic, shared, and healed by itself."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from envcatalog.image.cache import LayerCache
from envcatalog.image.codec import BlockGzip, Compressed
from envcatalog.image.tar import Entry, TarWriter
from envcatalog.model.digest import sha256_digest
from envcatalog.model.image import Layer

KEY = sha256_digest(b"key")
ENTRIES = (
    Entry(path="a", kind="directory"),
    Entry(path="a/file é", kind="file", content="644 " + "0" * 64, owner="six 1.0"),
    Entry(path="a/link", kind="symlink", content="x\ty\nz"),
)


def fill(out: BinaryIO) -> tuple[Compressed, tuple[Entry, ...]]:
    out.write(b"blob")
    digest = sha256_digest(b"blob")
    return Compressed(diff_id=sha256_digest(b"tar"), digest=digest, size=4), ENTRIES


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_stored_layer_is_found_again_by_anyone(tmp_path: Path) -> None:
    stored = LayerCache(tmp_path).store(KEY, fill)
    path = tmp_path / "blobs/sha256" / hashlib.sha256(b"blob").hexdigest()
    assert stored == Layer(
        key=KEY, digest=sha256_digest(b"blob"), size=4, diff_id=sha256_digest(b"tar"), path=path
    )
    assert path.read_bytes() == b"blob"
    cache = LayerCache(tmp_path)
    assert cache.find(KEY) == stored
    found = cache.entries(KEY)
    assert found is not None
    assert [(entry.kind, entry.path, entry.owner) for entry in found] == [
        ("directory", "a", ""),
        ("file", "a/file é", "six 1.0"),
        ("symlink", "a/link", ""),
    ]
    assert found[1].content == ENTRIES[1].content


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken(out: BinaryIO) -> tuple[Compressed, tuple[Entry, ...]]:
        out.write(b"half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        LayerCache(tmp_path).store(KEY, broken)
    assert files(tmp_path) == []
    assert LayerCache(tmp_path).find(KEY) is None
    assert LayerCache(tmp_path).entries(KEY) is None


@pytest.mark.parametrize("damage", ["missing", "truncated", "longer"])
def test_a_damaged_blob_is_made_again(tmp_path: Path, damage: str) -> None:
    cache = LayerCache(tmp_path)
    stored = cache.store(KEY, fill)
    assert stored.path
    if damage == "missing":
        stored.path.unlink()
    else:
        stored.path.write_bytes(b"blo" if damage == "truncated" else b"blobb")
    assert cache.find(KEY) is None
    assert cache.store(KEY, fill) == cache.find(KEY) == stored


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"{}",
        b'{"digest": 1, "diff_id": 2, "size": 3}',
        b'{"digest": "sha256:../../x", "diff_id": "x", "size": 4}',
        b"\xff",
    ],
)
def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: Path, record: bytes) -> None:
    cache = LayerCache(tmp_path)
    cache.store(KEY, fill)
    (path,) = (tmp_path / "layers").glob("*.json")
    path.write_bytes(record)
    assert cache.find(KEY) is None


def test_a_list_of_paths_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path)
    cache.store(KEY, fill)
    (path,) = (tmp_path / "layers").glob("*.paths")
    for text in (b"file\tx\n", b"what\t\t\tpath\n", b"\xff\n"):
        path.write_bytes(text)
        assert cache.entries(KEY) is None


def test_verify_finds_what_the_size_does_not_show(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path)
    stored = cache.store(KEY, fill)
    assert cache.verify() == ()
    assert stored.path
    stored.path.write_bytes(b"blab")
    assert cache.find(KEY) == stored
    assert cache.verify() == (KEY,)
    assert cache.find(KEY) is None


def test_verify_removes_what_a_killed_process_left_a_day_ago(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path)
    cache.store(KEY, fill)
    old, young = (tmp_path / "blobs/sha256" / name for name in (".1-a.part", ".2-b.part"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert cache.verify() == ()
    assert (old.exists(), young.exists()) == (False, True)


def test_several_can_store_one_layer_at_once(tmp_path: Path) -> None:
    def make(_: int) -> Layer:
        def write(out: BinaryIO) -> tuple[Compressed, tuple[Entry, ...]]:
            blob = BlockGzip(out)
            with TarWriter(blob) as tar:
                tar.file("a", 3_000_000, bytes(3_000_000))
            return blob.close(), tar.entries

        return LayerCache(tmp_path).store(KEY, write)

    with ThreadPoolExecutor(4) as pool:
        layers = set(pool.map(make, range(8)))
    assert layers == {LayerCache(tmp_path).find(KEY)}
    assert len(files(tmp_path)) == 3
    assert json.loads((tmp_path / files(tmp_path)[1]).read_bytes())["size"] == next(iter(layers)).size


def test_a_key_that_is_no_digest_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'\.\./x' is no digest"):
        LayerCache(tmp_path).find("../x")
