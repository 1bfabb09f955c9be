"""Hostile and odd layers: nothing outside of the tree is touched, and nothing half-made is left."""

import gzip
import os
import stat
import tarfile
from pathlib import Path

import pytest
from conftest_run import digest, local, member

from envcatalog.model.image import Layer
from envcatalog.run.checks import RunnerFailed
from envcatalog.run.sandbox.rootfs import KEEP_SECONDS, prune, unpack_layer

SYMLINK, FOLDER, LINK = {"kind": tarfile.SYMTYPE}, {"kind": tarfile.DIRTYPE}, {"kind": tarfile.LNKTYPE}


@pytest.fixture
def outside(tmp_path):
    """A folder with a secret; afterwards it must be as it was."""
    folder = tmp_path / "outside"
    folder.mkdir(mode=0o700)
    (folder / "secret").write_text("secret")
    yield folder
    assert [path.name for path in folder.iterdir()] == ["secret"]
    assert (folder / "secret").read_text() == "secret"
    assert (folder / "secret").stat().st_nlink == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "outside"]


def unpack(make_layer, tmp_path, members):
    return unpack_layer(make_layer(members), tmp_path / "cache", local)


@pytest.mark.parametrize("name", ["../outside/x", "a/../../outside/x", "..", "/../outside/x"])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE])
def test_a_path_that_leaves_the_layer_is_refused(make_layer, tmp_path, outside, name, kind):
    layer = make_layer([member(name, b"" if kind != tarfile.REGTYPE else b"x", kind=kind, link="x")])
    with pytest.raises(RunnerFailed) as failure:
        unpack_layer(layer, tmp_path / "cache", local)
    assert str(failure.value) == (
        f"the layer `{layer.digest}` cannot be unpacked: the path `{name}` leaves the layer"
    )
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_absolute_path_counts_from_the_tree(make_layer, tmp_path, outside):
    place = unpack(make_layer, tmp_path, [member(f"{outside}/x", b"x")])
    assert (place / "tree" / str(outside / "x").lstrip("/")).read_bytes() == b"x"


@pytest.mark.parametrize(
    "target", ["{outside}", "../../../outside", "../../../../../../../../../../{outside}"]
)
def test_a_link_out_of_the_tree_leads_back_into_it(make_layer, tmp_path, outside, target):
    target = target.format(outside=outside)
    members = [
        member("a", link=target, **SYMLINK),
        member("a/x", b"x"),
        member("a/secret", b"overwritten"),
        member("a/folder", mode=0o777, **FOLDER),
    ]
    place = unpack(make_layer, tmp_path, members)
    inside = str(outside) if str(outside) in target else "/outside"
    assert (place / "tree" / inside.lstrip("/") / "x").read_bytes() == b"x"


def test_a_link_is_never_written_through(make_layer, tmp_path, outside):
    members = [
        member("file", link=str(outside / "secret"), **SYMLINK),
        member("file", b"new"),
        member("folder", link=str(outside), **SYMLINK),
        member("folder", mode=0o777, **FOLDER),
        member("folder/x", b"x"),
    ]
    tree = unpack(make_layer, tmp_path, members) / "tree"
    assert (tree / "file").read_bytes() == b"new"
    assert not (tree / "file").is_symlink()
    assert (tree / "folder/x").read_bytes() == b"x"
    assert not (tree / "folder").is_symlink()


@pytest.mark.parametrize("target", ["{outside}/secret", "a/secret", "../outside/secret"])
def test_a_hard_link_reaches_nothing_outside(make_layer, tmp_path, outside, target):
    members = [
        member("a", link=str(outside), **SYMLINK),
        member("b", link=target.format(outside=outside), **LINK),
    ]
    with pytest.raises(RunnerFailed):
        unpack(make_layer, tmp_path, members)


def test_links_in_a_circle_are_refused(make_layer, tmp_path, outside):
    members = [member("a", link="b", **SYMLINK), member("b", link="a", **SYMLINK), member("a/x", b"")]
    with pytest.raises(RunnerFailed, match="too many links in `a`"):
        unpack(make_layer, tmp_path, members)


def test_devices_and_bits_are_not_taken_over(make_layer, tmp_path, outside):
    members = [
        member("null", kind=tarfile.CHRTYPE),
        member("disk", kind=tarfile.BLKTYPE),
        member("pipe", kind=tarfile.FIFOTYPE),
        member("su", b"x", mode=0o6755),
        member("shut", b"x", mode=0o000),
        member("folder", mode=0o6000, **FOLDER),
        member("folder/x", b"x", mode=0o644),
    ]
    before = os.umask(0o077)
    try:
        tree = unpack(make_layer, tmp_path, members) / "tree"
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tree.iterdir()}
    assert modes == {"su": 0o755, "shut": 0o600, "folder": 0o700}
    assert stat.S_IMODE((tree / "folder/x").stat().st_mode) == 0o644
    assert (tree / "su").stat().st_mtime == 315532800


def test_a_folder_that_becomes_a_link_is_forgotten(make_layer, tmp_path, outside):
    members = [
        member("a/b", b"1"),
        member("a", link=str(outside), **SYMLINK),
        member("a/secret", b"2"),
    ]
    tree = unpack(make_layer, tmp_path, members) / "tree"
    assert (tree / str(outside).lstrip("/") / "secret").read_bytes() == b"2"


def test_a_hard_link_in_the_layer(make_layer, tmp_path):
    tree = unpack(make_layer, tmp_path, [member("a/b", b"1"), member("c", link="./a/b", **LINK)]) / "tree"
    assert (tree / "c").samefile(tree / "a/b")


def test_bytes_that_are_not_the_locked_ones_are_refused(make_layer, tmp_path):
    layer, other = make_layer([member("a", b"1")]), make_layer([member("a", b"2")])
    with pytest.raises(RunnerFailed, match=f"unpacks to `{other.diff_id}`, not to `{layer.diff_id}`"):
        unpack_layer(layer, tmp_path / "cache", lambda _: local(other))
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x28\xb5\x2f\xfd rest", "it is compressed with zstd, which this Python cannot read"),
        (b"nonsense" * 100, "invalid header"),
        (gzip.compress(b"x" * 5000, mtime=0)[:-9], "cannot be unpacked"),
        (b"", "cannot be unpacked"),
    ],
    ids=["zstd", "nonsense", "cut", "empty"],
)
def test_what_is_no_archive_is_refused(tmp_path, data, reason):
    (tmp_path / "blob").write_bytes(data)
    layer = Layer(key="", digest=digest(data), size=len(data), diff_id=digest(b"?"))
    with pytest.raises(RunnerFailed, match=reason):
        unpack_layer(layer, tmp_path / "cache", lambda _: tmp_path / "blob")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_was_not_used_for_long_is_removed(make_layer, tmp_path):
    old, fresh = (unpack(make_layer, tmp_path, [member(name, b"")]) for name in ("old", "fresh"))
    os.utime(old, (0, old.stat().st_mtime - KEEP_SECONDS - 1))
    prune(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == [fresh]
    prune(Path(tmp_path / "nowhere"))
