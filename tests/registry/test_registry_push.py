"""Pushing images to a real docker-registry and to a folder, and reading them back with skopeo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from small_images import make_image, make_layer, make_platform, simple_image

from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.image import MEDIA_INDEX, BuiltImage
from envcatalog.model.plan import BaseManifest
from envcatalog.model.seams import Manifest, Silent
from envcatalog.registry.base import ImageSource
from envcatalog.registry.open import open_registry
from envcatalog.registry.push import PushReport, push_image

ARTIFACT = "application/vnd.envcatalog.version.v1"


@pytest.fixture
def real(docker_registry, tmp_path):
    """A real registry below a prefix of this test's own."""
    prefix = f"p{os.urandom(6).hex()}/team"
    registry = open_registry(f"{docker_registry}/{prefix}", cache=tmp_path / "scratch")
    yield registry
    registry.close()


@pytest.fixture
def folder(tmp_path):
    return open_registry(f"oci:{tmp_path / 'layout'}", cache=tmp_path / "scratch")


def push(registry, image: BuiltImage) -> PushReport:
    return push_image(registry, registry.repository(image.environment), image, progress=Silent())


def run(*command: str) -> str:
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout


@pytest.mark.registry
def test_the_unchanged_costs_one_head(real, tmp_path):
    image = simple_image(tmp_path / "cache")
    first = push(real, image)
    sizes = {layer.digest: layer.size for layer in image.platforms[0].layers}
    total = sum(sizes.values()) + sum(len(item.config) for item in image.platforms)
    assert (first.uploaded, first.mounted, first.present, first.bytes_uploaded) == (4, 0, 0, total)
    assert first.requests == (("HEAD", 5), ("POST", 4), ("PUT", 7))
    assert push(real, image) == PushReport(present=4, requests=(("HEAD", 1),))


@pytest.mark.registry
def test_a_second_environment_mounts_what_the_first_uploaded(real, tmp_path):
    one = simple_image(tmp_path / "cache", "one")
    push(real, one)
    shared = one.platforms[0].layers
    two = make_image("two", make_platform((*shared, make_layer(tmp_path / "cache", b"new"))))
    report = push(real, two)
    assert (report.uploaded, report.mounted, report.present) == (2, 2, 0)
    assert real.repository("two").head(two.digest) == two.digest


@pytest.mark.registry
def test_a_layer_known_to_the_repository_is_not_asked_for(real, tmp_path):
    first = simple_image(tmp_path / "cache")
    push(real, first)
    kept = tuple(replace(layer, path=None, repository="sklearn") for layer in first.platforms[0].layers)
    changed = make_image("sklearn", make_platform((*kept, make_layer(tmp_path / "cache", b"new"))))
    again = open_registry(real.reference("x", "1").removesuffix("/x:1"), cache=tmp_path)
    try:
        report = push(again, changed)
    finally:
        again.close()
    assert (report.uploaded, report.present) == (2, 2)
    assert report.requests == (("HEAD", 3), ("POST", 2), ("PUT", 4))


@pytest.mark.registry
def test_a_layer_that_is_nowhere_is_named(real, tmp_path):
    image = simple_image(tmp_path / "cache")
    lost = replace(image.platforms[0].layers[0], path=None)
    with pytest.raises(UserError) as error:
        push(real, make_image("sklearn", make_platform((lost,))))
    assert error.value.message == f"layer `{lost.digest}` of `sklearn` is no longer in the registry"
    assert error.value.hint == "build the image again, then publish it"


@pytest.mark.registry
def test_a_layer_taken_for_present_is_sent_when_the_manifest_is_refused(real, tmp_path):
    image = simple_image(tmp_path / "cache")
    wrong = tuple(replace(layer, repository="sklearn") for layer in image.platforms[0].layers)
    report = push(real, make_image("sklearn", make_platform(wrong)))
    assert real.repository("sklearn").has_blob(wrong[0].digest)
    assert report.requests == (("HEAD", 2), ("POST", 3), ("PUT", 6))


@pytest.mark.registry
def test_tags_and_manifests_of_a_registry(real, tmp_path):
    image = simple_image(tmp_path / "cache")
    repository = real.repository("sklearn")
    assert repository.tags() == ()
    assert repository.head("1") is None
    assert repository.manifest("1") is None
    push(real, image)
    repository.put_manifest(image.index, MEDIA_INDEX, tag="1", annotations={"ignored": "yes"})
    repository.put_manifest(image.index, MEDIA_INDEX, tag="prod")
    assert repository.tags() == ("1", "prod")
    assert repository.head("prod") == image.digest
    assert repository.manifest("1") == Manifest(digest=image.digest, media_type=MEDIA_INDEX, data=image.index)
    config = sha256_digest(image.platforms[0].config)
    assert repository.blob(config) == image.platforms[0].config
    with repository.open_blob(config) as stream:
        assert stream.read() == image.platforms[0].config


@pytest.mark.registry
def test_an_artifact_is_listed_under_the_fallback_tag_once(real, tmp_path):
    image = simple_image(tmp_path / "cache")
    push(real, image)
    repository = real.repository("sklearn")
    subject = Manifest(digest=image.digest, media_type=MEDIA_INDEX, data=image.index)
    first = repository.referrers_put(subject, ARTIFACT, {"version": "1"})
    second = repository.referrers_put(subject, ARTIFACT, {"version": "2"})
    assert repository.referrers_put(subject, ARTIFACT, {"version": "1"}) == first
    tag = image.digest.replace(":", "-")
    listed = json.loads(repository.manifest(tag).data)["manifests"]
    assert [(entry["digest"], entry["artifactType"], entry["annotations"]) for entry in listed] == [
        (first, ARTIFACT, {"version": "1"}),
        (second, ARTIFACT, {"version": "2"}),
    ]


@pytest.mark.registry
@pytest.mark.skopeo
def test_skopeo_reads_what_was_pushed(real, tmp_path, skopeo):
    image = simple_image(tmp_path / "cache")
    push(real, image)
    real.repository("sklearn").put_manifest(image.index, MEDIA_INDEX, tag="1")
    reference = f"docker://{real.reference('sklearn', '1')}"
    told = json.loads(run(skopeo, "--override-os=linux", "inspect", "--tls-verify=false", reference))
    assert told["Layers"] == [layer.digest for layer in image.platforms[0].layers]
    target = tmp_path / "copy"
    run(skopeo, "--insecure-policy", "copy", "--all", "--src-tls-verify=false", reference, f"dir:{target}")
    assert (target / "manifest.json").read_bytes() == image.index


def test_a_push_to_a_folder_and_again(folder, tmp_path):
    image = simple_image(tmp_path / "cache")
    first = push(folder, image)
    assert (first.uploaded, first.present, first.requests) == (4, 0, ())
    assert push(folder, image) == PushReport(present=4)


@pytest.mark.registry
def test_a_base_in_a_folder_is_copied_to_a_registry(real, folder, tmp_path):
    base = simple_image(tmp_path / "cache", "base", b"base layer")
    push(folder, base)
    folder.repository("base").put_manifest(base.index, MEDIA_INDEX, tag="1")
    source = ImageSource(tmp_path, tmp_path / "cache2")
    resolved = source.resolve("oci:layout:base:1")
    assert resolved.digest == base.digest
    assert [platform for platform, _ in resolved.manifests] == ["linux/amd64", "linux/arm64"]
    found = source.image(BaseManifest(image="oci:layout:base:1", digest=resolved.manifests[0][1]))
    assert found.config == base.platforms[0].config
    assert found.layers[0].path is None
    own = make_layer(tmp_path / "cache", b"own")
    image = make_image("child", make_platform((*found.layers, own)))
    report = push(real, image)
    assert (report.uploaded, report.mounted, report.present) == (3, 0, 0)
    assert list((tmp_path / "scratch").iterdir()) == []
    with real.repository("child").open_blob(found.layers[0].digest) as stream:
        assert stream.read() == base.platforms[0].layers[0].path.read_bytes()


@pytest.mark.registry
def test_a_base_in_the_same_registry_is_mounted(real, docker_registry, tmp_path):
    base = simple_image(tmp_path / "cache", "base", b"base layer")
    push(real, base)
    real.repository("base").put_manifest(base.index, MEDIA_INDEX, tag="1")
    source = ImageSource(tmp_path, tmp_path / "cache2")
    try:
        reference = real.reference("base", "1")
        resolved = source.resolve(reference)
        found = source.image(BaseManifest(image=reference, digest=dict(resolved.manifests)["linux/arm64"]))
    finally:
        source.close()
    other = open_registry(f"{docker_registry}/elsewhere", cache=tmp_path / "scratch")
    try:
        image = make_image("child", make_platform((*found.layers, make_layer(tmp_path / "cache", b"own"))))
        report = push(other, image)
    finally:
        other.close()
    assert (report.uploaded, report.mounted, report.present) == (2, 1, 0)


def test_a_blob_that_was_removed_from_a_folder_is_put_back(folder, tmp_path):
    image = simple_image(tmp_path / "cache")
    push(folder, image)
    layer = image.platforms[0].layers[0]
    (tmp_path / "layout/blobs/sha256" / layer.digest[7:]).unlink()
    report = push(folder, image)
    assert (report.uploaded, report.present) == (1, 3)
    assert folder.repository("sklearn").has_blob(layer.digest)


@pytest.mark.registry
@pytest.mark.engine
def test_an_engine_pulls_what_was_pushed(real, docker_engine, tmp_path):
    import docker

    image = simple_image(tmp_path / "cache")
    push(real, image)
    real.repository("sklearn").put_manifest(image.index, MEDIA_INDEX, tag="1")
    name, _, tag = real.reference("sklearn", "1").rpartition(":")
    client = docker.from_env()
    try:
        pulled = client.images.pull(name, tag=tag)
        assert pulled.attrs["RepoDigests"] == [f"{name}@{image.digest}"]
        assert pulled.attrs["RootFS"]["Layers"] == [layer.diff_id for layer in image.platforms[0].layers]
        client.images.remove(pulled.id, force=True)
    finally:
        client.close()


PUSH_AND_DIE = """
import os, sys
from pathlib import Path
from small_images import simple_image
from envcatalog.model.image import MEDIA_INDEX
from envcatalog.model.seams import Silent
from envcatalog.registry import wire
from envcatalog.registry.open import open_registry
from envcatalog.registry.push import push_image

where, folder, left = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

def dying(function):
    def call(*args, **options):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return function(*args, **options)
    return call

Path.replace = dying(Path.replace)
wire.Wire.send = dying(wire.Wire.send)
registry = open_registry(where, cache=folder / "scratch")
repository = registry.repository("sklearn")
image = simple_image(folder / "cache")
push_image(registry, repository, image, progress=Silent())
repository.put_manifest(image.index, MEDIA_INDEX, tag="1")
registry.close()
"""


def push_and_die(where: str, tmp_path, steps: int) -> int:
    here = os.path.dirname(__file__)
    command = [sys.executable, "-c", PUSH_AND_DIE, where, str(tmp_path), str(steps)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": here}, check=False, capture_output=True)
    return done.returncode


def whole(repository, image: BuiltImage) -> bool:
    """Whether the tag is there; then all must be."""
    if repository.head("1") is None:
        return False
    assert repository.manifest("1").data == image.index
    for item in image.platforms:
        assert repository.manifest(item.manifest_digest).data == item.manifest
        assert repository.blob(sha256_digest(item.config)) == item.config
        for layer in item.layers:
            with repository.open_blob(layer.digest) as stream:
                assert sha256_digest(stream.read()) == layer.digest
    return True


def test_a_push_to_a_folder_that_is_killed_anywhere_can_be_run_again(tmp_path):
    image = simple_image(tmp_path / "cache")
    codes = []
    for steps in range(12):
        where = f"oci:{tmp_path / f'layout{steps}'}"
        codes.append(push_and_die(where, tmp_path, steps))
        repository = open_registry(where, cache=tmp_path).repository("sklearn")
        assert whole(repository, image) == (codes[-1] == 0)
        assert push_and_die(where, tmp_path, 1000) == 0
        assert whole(repository, image)
    assert codes == [9] * 10 + [0, 0]


@pytest.mark.registry
def test_a_push_to_a_registry_that_is_killed_anywhere_can_be_run_again(docker_registry, tmp_path):
    image = simple_image(tmp_path / "cache")
    codes = []
    for steps in range(0, 20, 3):
        where = f"{docker_registry}/k{os.urandom(6).hex()}"
        codes.append(push_and_die(where, tmp_path, steps))
        registry = open_registry(where, cache=tmp_path)
        repository = registry.repository("sklearn")
        assert whole(repository, image) == (codes[-1] == 0)
        assert push_and_die(where, tmp_path, 1000) == 0
        assert whole(repository, image)
        registry.close()
    assert codes == [9] * 6 + [0]
