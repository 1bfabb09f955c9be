"""An OCI layout folder: tags, kills, other processes, and folders that are not ours."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess

import pytest
from small_images import simple_image

from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.image import MEDIA_INDEX, MEDIA_MANIFEST
from envcatalog.model.seams import Manifest
from envcatalog.registry.folder import LayoutFolder
from envcatalog.registry.open import open_registry

INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
OTHER = INDEX[:-1] + b" }"


def opened(tmp_path, folder="layout"):
    return open_registry(f"oci:{tmp_path / folder}", cache=tmp_path / "cache")


def index_of(tmp_path):
    return json.loads((tmp_path / "layout/index.json").read_text())


def test_reading_makes_no_folder(tmp_path):
    repository = opened(tmp_path).repository("sklearn")
    assert repository.tags() == ()
    assert repository.head("1") is None
    assert repository.manifest("1") is None
    assert repository.manifest(sha256_digest(b"")) is None
    assert not repository.has_blob(sha256_digest(b""))
    assert list(tmp_path.iterdir()) == []


def test_a_tag_is_an_entry_with_its_annotations(tmp_path):
    repository = opened(tmp_path).repository("sklearn")
    annotations = {"org.opencontainers.image.version": "1"}
    repository.put_manifest(INDEX, MEDIA_INDEX, tag="1", annotations=annotations)
    ref = {"org.opencontainers.image.ref.name": "sklearn:1"}
    assert index_of(tmp_path) == {
        "schemaVersion": 2,
        "mediaType": MEDIA_INDEX,
        "manifests": [
            {
                "mediaType": MEDIA_INDEX,
                "digest": sha256_digest(INDEX),
                "size": len(INDEX),
                "annotations": ref | annotations,
            }
        ],
    }
    assert json.loads((tmp_path / "layout/oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert repository.manifest("1") == Manifest(
        digest=sha256_digest(INDEX), media_type=MEDIA_INDEX, data=INDEX
    )


def test_a_tag_moves_in_its_place_and_others_stay(tmp_path):
    registry = opened(tmp_path)
    one, two = registry.repository("one"), registry.repository("two")
    one.put_manifest(INDEX, MEDIA_INDEX, tag="prod")
    two.put_manifest(INDEX, MEDIA_INDEX, tag="prod")
    one.put_manifest(OTHER, MEDIA_INDEX, tag="prod")
    one.put_manifest(OTHER, MEDIA_INDEX, tag="2")
    assert (one.head("prod"), two.head("prod")) == (sha256_digest(OTHER), sha256_digest(INDEX))
    assert (one.tags(), two.tags()) == (("2", "prod"), ("prod",))
    names = [
        entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index_of(tmp_path)["manifests"]
    ]
    assert names == ["one:prod", "two:prod", "one:2"]


def test_a_manifest_without_a_tag_is_not_listed(tmp_path):
    repository = opened(tmp_path).repository("sklearn")
    repository.put_manifest(INDEX, MEDIA_INDEX)
    assert repository.head(sha256_digest(INDEX)) == sha256_digest(INDEX)
    assert index_of(tmp_path)["manifests"] == []


def test_a_tag_whose_bytes_are_gone_is_none(tmp_path):
    repository = opened(tmp_path).repository("sklearn")
    repository.put_manifest(INDEX, MEDIA_INDEX, tag="1")
    (tmp_path / "layout/blobs/sha256" / sha256_digest(INDEX)[7:]).unlink()
    assert repository.head("1") is None
    assert repository.manifest("1") is None


def test_damaged_bytes_are_found(tmp_path):
    repository = opened(tmp_path).repository("sklearn")
    repository.put_manifest(INDEX, MEDIA_INDEX, tag="1")
    path = tmp_path / "layout/blobs/sha256" / sha256_digest(INDEX)[7:]
    path.write_bytes(OTHER)
    with pytest.raises(UserError) as error:
        repository.manifest("1")
    assert error.value.message == f"`{path}` is damaged: its bytes have another digest"
    assert error.value.hint == f"remove `{path}` and publish again"


def test_bytes_with_another_digest_are_refused_and_leave_nothing(tmp_path):
    repository = opened(tmp_path).repository("sklearn")
    with pytest.raises(UserError) as error:
        repository.put_blob(sha256_digest(b"right"), b"wrong")
    assert (
        error.value.message
        == f"the bytes for `{sha256_digest(b'right')}` are those of `{sha256_digest(b'wrong')}`"
    )
    assert list((tmp_path / "layout/blobs/sha256").iterdir()) == []


def test_blobs_are_shared_and_read_back(tmp_path):
    registry = opened(tmp_path)
    source = tmp_path / "blob"
    source.write_bytes(b"content")
    digest = sha256_digest(b"content")
    registry.repository("one").put_blob(digest, source)
    other = registry.repository("two")
    assert other.has_blob(digest)
    assert other.mount_blob(digest, "one")
    assert other.blob(digest) == b"content"
    with other.open_blob(digest) as stream:
        assert stream.read() == b"content"


def test_the_mode_of_files_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        opened(tmp_path).repository("one").put_blob(sha256_digest(b"x"), b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "layout/blobs/sha256" / sha256_digest(b"x")[7:]).stat().st_mode & 0o777 == 0o640


def test_an_artifact_is_attached_once(tmp_path):
    repository = opened(tmp_path).repository("sklearn")
    subject = Manifest(digest=sha256_digest(INDEX), media_type=MEDIA_INDEX, data=INDEX)
    kind, facts = "application/vnd.envcatalog.version.v1", {"b": "2", "a": "1"}
    digest = repository.referrers_put(subject, kind, facts)
    assert repository.referrers_put(subject, kind, facts) == digest
    [entry] = index_of(tmp_path)["manifests"]
    assert (entry["digest"], entry["artifactType"], entry["annotations"]) == (digest, kind, facts)
    stored = repository.manifest(digest)
    assert stored.media_type == MEDIA_MANIFEST
    document = json.loads(stored.data)
    assert document["subject"] == {
        "mediaType": MEDIA_INDEX,
        "digest": sha256_digest(INDEX),
        "size": len(INDEX),
    }
    assert repository.blob(document["config"]["digest"]) == b"{}"
    assert repository.tags() == ()


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (
            lambda path: path.write_text("x"),
            "`{}` is a file, not an OCI layout folder",
            "choose another folder",
        ),
        (
            lambda path: (path.mkdir(), (path / "thesis.tex").write_text("x")),
            "`{}` holds other files and no `oci-layout`, so nothing is written to it",
            "choose an empty folder, or one that does not exist yet",
        ),
        (
            lambda path: (path.mkdir(), (path / "oci-layout").write_text('{"imageLayoutVersion": "2.0.0"}')),
            "`{}` is an OCI layout of version `2.0.0`, and only version 1 is known",
            "choose another folder",
        ),
    ],
)
def test_what_is_not_ours_is_left_alone(tmp_path, make, message, hint):
    path = tmp_path / "layout"
    make(path)
    with pytest.raises(UserError) as error:
        opened(tmp_path)
    assert (error.value.message, error.value.hint) == (message.format(path), hint)


def test_a_folder_filled_after_it_was_opened_is_left_alone(tmp_path):
    repository = opened(tmp_path).repository("one")
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout/thesis.tex").write_text("x")
    with pytest.raises(UserError, match="holds other files"):
        repository.put_manifest(INDEX, MEDIA_INDEX, tag="1")
    assert not (tmp_path / "layout/index.json").exists()


def test_a_broken_index_is_an_error_and_is_kept(tmp_path):
    repository = opened(tmp_path).repository("one")
    repository.put_manifest(INDEX, MEDIA_INDEX, tag="1")
    index = tmp_path / "layout/index.json"
    index.write_text("{")
    with pytest.raises(UserError) as error:
        repository.put_manifest(INDEX, MEDIA_INDEX, tag="2")
    assert error.value.message == f"`{index}` is not an OCI image index"
    assert index.read_text() == "{"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    repository = opened(tmp_path, "missing/layout").repository("one")
    (tmp_path / "missing").symlink_to(tmp_path / "file")
    with pytest.raises(UserError) as error:
        repository.put_blob(sha256_digest(b"x"), b"x")
    assert error.value.message == f"`{tmp_path / 'missing/layout'}` cannot be written: not a directory"
    assert error.value.hint == "choose a folder that you may write, with `--registry oci:DIR`"


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists("/usr/bin/setpriv"), reason="needs setpriv")
def test_a_read_only_folder_is_named(tmp_path):
    repository = opened(tmp_path).repository("one")
    repository.put_blob(sha256_digest(b"x"), b"x")
    (tmp_path / "layout/blobs/sha256").chmod(0o555)
    code = (
        "import sys; from pathlib import Path; from envcatalog.registry.open import open_registry\n"
        "from envcatalog.model.digest import sha256_digest\n"
        "from envcatalog.model.errors import UserError\n"
        "try: open_registry(sys.argv[1], cache=Path('.')).repository('one')"
        ".put_blob(sha256_digest(b'y'), b'y')\n"
        "except UserError as error: print(error.message)"
    )
    import sys

    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    run = [*drop, sys.executable, "-c", code, f"oci:{tmp_path / 'layout'}"]
    output = subprocess.run(run, text=True, capture_output=True, check=True).stdout
    assert output == f"`{tmp_path / 'layout'}` cannot be written: permission denied\n"


def _tag_many(where, cache, name, count):
    repository = open_registry(where, cache=cache).repository(name)
    for number in range(count):
        repository.put_manifest(INDEX, MEDIA_INDEX, tag=str(number))


def test_no_tag_is_lost_between_processes(tmp_path):
    where = f"oci:{tmp_path / 'layout'}"
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_tag_many, args=(where, tmp_path, name, 15))
        for name in ("one", "two", "three")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    registry = open_registry(where, cache=tmp_path)
    assert [len(registry.repository(name).tags()) for name in ("one", "two", "three")] == [15, 15, 15]


def test_what_a_killed_writer_left_is_swept_a_day_later(tmp_path):
    blobs = tmp_path / "layout/blobs/sha256"
    opened(tmp_path).repository("one").put_blob(sha256_digest(b"x"), b"x")
    old, new = blobs / ".envcatalog-old", blobs / ".envcatalog-new"
    old.write_bytes(b"")
    new.write_bytes(b"")
    os.utime(old, (0, 0))
    opened(tmp_path).repository("one").put_blob(sha256_digest(b"y"), b"y")
    assert (old.exists(), new.exists()) == (False, True)


def test_a_folder_that_was_begun_is_taken_up(tmp_path):
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout/.envcatalog.lock").write_text("")
    (tmp_path / "layout/.envcatalog-0123").write_text("half")
    repository = opened(tmp_path).repository("one")
    repository.put_manifest(INDEX, MEDIA_INDEX, tag="1")
    assert repository.tags() == ("1",)


def test_a_digest_is_never_a_path(tmp_path):
    with pytest.raises(UserError) as error:
        LayoutFolder(str(tmp_path)).blob_path("sha256:../../etc/passwd")
    assert error.value.message == "`sha256:../../etc/passwd` is not a SHA-256 digest"


@pytest.mark.skopeo
def test_skopeo_reads_an_environment_by_name_and_tag(tmp_path, skopeo):
    image = simple_image(tmp_path / "cache")
    registry = opened(tmp_path)
    repository = registry.repository("sklearn")
    for layer in image.platforms[0].layers:
        repository.put_blob(layer.digest, layer.path)
    for item in image.platforms:
        repository.put_blob(sha256_digest(item.config), item.config)
        repository.put_manifest(item.manifest, MEDIA_MANIFEST)
    repository.put_manifest(image.index, MEDIA_INDEX, tag="3")
    repository.put_manifest(image.index, MEDIA_INDEX, tag="prod")
    reference = registry.reference("sklearn", "3")
    assert reference == f"oci:{tmp_path / 'layout'}:sklearn:3"
    inspected = json.loads(
        subprocess.run(
            [skopeo, "--override-os=linux", "--override-arch=arm64", "inspect", reference],
            text=True,
            capture_output=True,
            check=True,
        ).stdout
    )
    assert (inspected["Os"], inspected["Architecture"]) == ("linux", "arm64")
    assert inspected["Layers"] == [layer.digest for layer in image.platforms[0].layers]
    copy = [skopeo, "--insecure-policy", "copy", "--all", reference, f"dir:{tmp_path / 'copy'}"]
    subprocess.run(copy, capture_output=True, check=True)
    assert (tmp_path / "copy/manifest.json").read_bytes() == image.index
