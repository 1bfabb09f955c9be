"""What the client does when a registry is slow, broken, forgetful, or lies; against a strict fake."""

from __future__ import annotations

import email.utils
import json

import pytest
from small_images import make_image, make_platform, simple_image

from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.image import MEDIA_INDEX
from envcatalog.model.plan import BaseManifest
from envcatalog.model.seams import Manifest, Silent
from envcatalog.registry.base import ImageSource
from envcatalog.registry.http import HttpRegistry
from envcatalog.registry.push import push_image
from envcatalog.registry.retry import RetryPolicy
from support.fake_registry import Answer, FakeRegistry, running

BLOB = b"content" * 1000
DIGEST = sha256_digest(BLOB)
KEPT = "run the command again; what was uploaded is kept"


class Pauses(list):
    """Records the pauses instead of making them."""

    policy: RetryPolicy

    def __init__(self) -> None:
        super().__init__()
        self.policy = RetryPolicy(sleep=self.append, clock=lambda: 1_000_000.0)


@pytest.fixture
def fake():
    with running() as registry:
        yield registry


@pytest.fixture
def pauses():
    return Pauses()


@pytest.fixture
def registry(fake, pauses, tmp_path):
    opened = HttpRegistry(fake.address, "team", scratch=tmp_path, policy=pauses.policy)
    yield opened
    opened.close()


@pytest.fixture
def repository(registry):
    return registry.repository("sklearn")


def push(registry, image):
    return push_image(registry, registry.repository(image.environment), image, progress=Silent())


def test_a_push_sends_each_blob_once_and_no_patch(fake, registry, tmp_path):
    image = simple_image(tmp_path / "cache")
    report = push(registry, image)
    assert (report.uploaded, dict(report.requests)) == (4, {"HEAD": 5, "POST": 4, "PUT": 7})
    assert fake.count("PATCH") == 0
    assert set(fake.blobs["team/sklearn"]) == {
        *(layer.digest for layer in image.platforms[0].layers),
        *(sha256_digest(item.config) for item in image.platforms),
    }


def test_seconds_of_retry_after_are_kept(fake, repository, pauses):
    fake.fault("HEAD", "/blobs/", Answer(429, {"Retry-After": "7"}))
    assert repository.has_blob(DIGEST) is False
    assert pauses == [7.0]


def test_a_date_of_retry_after_is_kept(fake, repository, pauses):
    date = email.utils.formatdate(1_000_012.0, usegmt=True)
    fake.fault("HEAD", "/blobs/", Answer(503, {"Retry-After": date}))
    assert repository.has_blob(DIGEST) is False
    assert pauses == [12.0]


def test_a_long_retry_after_is_capped(fake, repository, pauses):
    fake.fault("HEAD", "/blobs/", Answer(429, {"Retry-After": "86400"}))
    assert repository.has_blob(DIGEST) is False
    assert pauses == [30.0]


def test_the_pauses_of_one_operation_are_bounded(fake, repository, pauses):
    fake.fault("GET", "/manifests/", Answer(429, {"Retry-After": "31"}), times=9)
    with pytest.raises(UserError) as error:
        repository.manifest("1")
    assert error.value.message == f"`{fake.address}` does not give `1`: status 429"
    assert error.value.hint == "the registry limits requests; run the command again later"
    assert pauses == [30.0, 30.0, 30.0]


def test_server_errors_are_tried_with_growing_pauses(fake, repository, pauses):
    fake.fault("GET", "/manifests/", Answer(500), times=4)
    assert repository.manifest("1") is None
    assert len(pauses) == 4
    for number, pause in enumerate(pauses):
        assert 0.125 * 2**number <= pause <= 0.25 * 2**number


def test_after_five_tries_the_answer_stands(fake, repository):
    fake.fault("GET", "/manifests/", Answer(502), times=5)
    with pytest.raises(UserError) as error:
        repository.manifest("1")
    assert error.value.message == f"`{fake.address}` does not give `1`: status 502"
    assert fake.count("GET") == 5


def test_a_dropped_connection_is_tried_again(fake, repository, pauses):
    fake.fault("GET", "/manifests/", Answer(drop=0), times=2)
    assert repository.manifest("1") is None
    assert len(pauses) == 2


def test_a_host_that_is_not_there_is_named(tmp_path, pauses):
    with running() as gone:
        pass
    registry = HttpRegistry(gone.address, scratch=tmp_path, policy=pauses.policy)
    with pytest.raises(UserError) as error:
        registry.repository("x").head("1")
    assert error.value.message == f"`{gone.address}` cannot be reached: connection refused"
    assert len(pauses) == 4
    registry.close()


def test_an_upload_that_breaks_starts_over(fake, repository, pauses, tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(BLOB)
    fake.fault("PUT", "/uploads/", Answer(drop=100))
    fake.fault("PUT", "/uploads/", Answer(503))
    repository.put_blob(DIGEST, path)
    assert fake.blobs["team/sklearn"] == {DIGEST: BLOB}
    assert (fake.count("POST"), fake.count("PUT"), len(pauses)) == (3, 3, 2)


def test_a_large_upload_that_breaks_midway_starts_over(fake, repository, tmp_path):
    path = tmp_path / "blob"
    data = b"0123456789abcdef" * (1 << 19)
    path.write_bytes(data)
    fake.fault("PUT", "/uploads/", Answer(drop=1 << 20))
    repository.put_blob(sha256_digest(data), path)
    assert fake.blobs["team/sklearn"] == {sha256_digest(data): data}


def test_an_upload_place_that_is_forgotten_is_asked_for_again(fake, repository):
    fake.fault("PUT", "/uploads/", Answer(404))
    repository.put_blob(DIGEST, BLOB)
    assert (fake.count("POST"), fake.count("PUT")) == (2, 2)


def test_an_upload_gives_up_in_the_end(fake, repository, tmp_path):
    fake.fault("PUT", "/uploads/", Answer(500), times=5)
    with pytest.raises(UserError) as error:
        repository.put_blob(DIGEST, BLOB)
    assert error.value.message == f"the upload of `{DIGEST}` to `{fake.address}` broke off: status 500"
    assert error.value.hint == "check the network, then run the command again; what was uploaded is kept"


def test_a_file_with_other_bytes_is_refused(fake, repository, tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(b"damaged")
    with pytest.raises(UserError) as error:
        repository.put_blob(DIGEST, path)
    assert error.value.message == (
        f"`{fake.address}` does not take blob `{DIGEST}`: digest_invalid (DIGEST_INVALID)"
    )


def test_a_file_that_is_gone_is_named(repository, tmp_path):
    with pytest.raises(UserError) as error:
        repository.put_blob(DIGEST, tmp_path / "gone")
    assert error.value.message == f"`{tmp_path / 'gone'}` is gone, so it cannot be published"


def test_a_refused_mount_goes_on_as_an_upload_with_the_place_it_was_given(fake, repository):
    fake.mounts = False
    assert repository.mount_blob(DIGEST, "other") is False
    repository.put_blob(DIGEST, BLOB)
    assert (fake.count("POST"), fake.count("PUT")) == (1, 1)
    assert fake.seen[0].query == {"mount": [DIGEST], "from": ["team/other"]}


def test_a_mount_that_is_forbidden_goes_on_as_an_upload(fake, repository):
    fake.fault("POST", "mount", Answer(403))
    assert repository.mount_blob(DIGEST, "/secret/base") is False
    repository.put_blob(DIGEST, BLOB)
    assert fake.seen[0].query["from"] == ["secret/base"]
    assert fake.blobs["team/sklearn"] == {DIGEST: BLOB}


def test_a_stale_head_is_seen_through_at_the_manifest(fake, registry, tmp_path):
    image = simple_image(tmp_path / "cache")
    layer = image.platforms[0].layers[0]
    fake.blobs["team/sklearn"] = {layer.digest: layer.path.read_bytes()}
    fake.stale = {layer.digest}
    report = push(registry, image)
    assert report.present == 1
    assert sum("/uploads/" in path for path in fake.paths("PUT")) == 4
    assert fake.manifests["team/sklearn"][image.digest] == (MEDIA_INDEX, image.index)


def test_a_manifest_refused_twice_is_an_error(fake, registry, tmp_path):
    image = simple_image(tmp_path / "cache")
    layer = image.platforms[0].layers[0]
    body = json.dumps({"errors": [{"code": "BLOB_UNKNOWN", "detail": layer.digest}]}).encode()
    fake.fault("PUT", "/manifests/", Answer(404, body=body), times=2)
    with pytest.raises(UserError) as error:
        push(registry, image)
    digest = image.platforms[0].manifest_digest
    assert error.value.message == f"`{fake.address}` does not take manifest `{digest}`: BLOB_UNKNOWN"


def test_a_manifest_that_met_another_push_is_sent_again_and_no_blob_is(fake, registry, tmp_path):
    """docker-registry reads a link that another push is writing as a malformed digest."""
    image = simple_image(tmp_path / "cache")
    body = json.dumps({"errors": [{"code": "DIGEST_INVALID"}, {"code": "MANIFEST_BLOB_UNKNOWN"}]}).encode()
    fake.fault("PUT", "/manifests/", Answer(400, body=body), times=2)
    report = push(registry, image)
    assert fake.manifests["team/sklearn"][image.digest] == (MEDIA_INDEX, image.index)
    assert sum("/manifests/" in path for path in fake.paths("PUT")) == 5
    assert sum("/blobs/" in path for path in fake.paths("PUT")) == report.uploaded


def test_a_platform_manifest_that_was_lost_is_sent_again(fake, registry, tmp_path):
    image = simple_image(tmp_path / "cache")
    body = json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN"}]}).encode()
    fake.fault("PUT", f"/manifests/{image.digest}", Answer(400, body=body))
    push(registry, image)
    assert sum("/manifests/" in path for path in fake.paths("PUT")) == 6


@pytest.mark.parametrize("reference", ["1", sha256_digest(b'{"schemaVersion":2,"manifests":[]}')])
def test_a_manifest_with_other_bytes_is_refused(fake, repository, reference):
    data = b'{"schemaVersion":2,"manifests":[]}'
    held = {"1": (MEDIA_INDEX, data), sha256_digest(data): (MEDIA_INDEX, data)}
    fake.manifests["team/sklearn"] = held
    fake.fault("GET", "/manifests/", Answer(lie=lambda data: data + b" "))
    with pytest.raises(UserError) as error:
        repository.manifest(reference)
    right, wrong = sha256_digest(data), sha256_digest(data + b" ")
    assert error.value.message == f"`{fake.address}` gives `{wrong}` where `{right}` was asked for"


def test_a_head_with_another_digest_is_refused(fake, repository):
    other = sha256_digest(b"other")
    fake.fault("HEAD", "/manifests/", Answer(200, {"Docker-Content-Digest": other}))
    with pytest.raises(UserError) as error:
        repository.head(DIGEST)
    assert error.value.message == f"`{fake.address}` gives `{other}` where `{DIGEST}` was asked for"


def test_a_head_without_a_digest_is_followed_by_a_get(fake, repository):
    data = b'{"schemaVersion":2,"manifests":[]}'
    fake.manifests["team/sklearn"] = {"1": (MEDIA_INDEX, data)}
    fake.fault("HEAD", "/manifests/", Answer(200))
    assert repository.head("1") == sha256_digest(data)


def test_a_blob_with_other_bytes_is_refused(fake, repository):
    fake.blobs["team/sklearn"] = {DIGEST: BLOB}
    fake.fault("GET", "/blobs/", Answer(lie=lambda data: b"other"))
    with pytest.raises(UserError) as error:
        repository.blob(DIGEST)
    assert (
        error.value.message
        == f"`{fake.address}` gives `{sha256_digest(b'other')}` where `{DIGEST}` was asked for"
    )


def test_a_stored_digest_that_differs_is_refused(fake, repository):
    other = sha256_digest(b"other")
    fake.fault("PUT", "/uploads/", Answer(201, {"Docker-Content-Digest": other}))
    with pytest.raises(UserError) as error:
        repository.put_blob(DIGEST, BLOB)
    assert error.value.message == f"`{fake.address}` stored `{DIGEST}` as `{other}`"


def test_a_huge_manifest_is_not_read(fake, repository):
    fake.fault("GET", "/manifests/", Answer(200, body=b" " * ((4 << 20) + 1)))
    with pytest.raises(UserError) as error:
        repository.manifest("1")
    assert error.value.message == f"`{fake.address}` gives an answer of more than 4 MiB, which is not read"


def test_tags_come_in_pages(fake, repository):
    fake.page = 2
    fake.manifests["team/sklearn"] = {str(number): (MEDIA_INDEX, b"") for number in range(5)}
    assert repository.tags() == ("0", "1", "2", "3", "4")
    assert fake.count("GET") == 3


def test_pages_that_lead_in_circles_end(fake, repository):
    link = {"Link": '</v2/team/sklearn/tags/list?n=1000>; rel="next"'}
    fake.fault("GET", "/tags/", Answer(200, link, b'{"tags":["1"]}'), times=9)
    assert repository.tags() == ("1",)
    assert fake.count("GET") == 2


def test_a_repository_without_tags_has_none(fake, repository):
    fake.manifests["team/sklearn"] = {}
    assert repository.tags() == ()


def test_an_artifact_goes_to_the_referrers_api_where_there_is_one(fake, repository):
    fake.referrers = True
    data = b'{"schemaVersion":2,"manifests":[]}'
    subject = Manifest(digest=sha256_digest(data), media_type=MEDIA_INDEX, data=data)
    digest = repository.referrers_put(subject, "application/vnd.example.v1", {"a": "b"})
    assert list(fake.manifests["team/sklearn"]) == [digest]
    assert fake.count("GET") == 0


def test_a_fallback_list_that_others_overwrite_is_written_again(fake, repository):
    data = b'{"schemaVersion":2,"manifests":[]}'
    subject = Manifest(digest=sha256_digest(data), media_type=MEDIA_INDEX, data=data)
    tag = subject.digest.replace(":", "-")
    fake.fault("PUT", f"/manifests/{tag}", Answer(201))  # taken, and overwritten by somebody else at once
    digest = repository.referrers_put(subject, "application/vnd.example.v1", {"a": "b"})
    listed = json.loads(fake.manifests["team/sklearn"][tag][1])["manifests"]
    assert [entry["digest"] for entry in listed] == [digest]


def test_what_the_registry_says_is_told(fake, repository):
    body = json.dumps(
        {"errors": [{"code": "DENIED", "message": "quota of 1 GB is used up\x1b[31m"}]}
    ).encode()
    fake.fault("PUT", "/manifests/", Answer(403, body=body))
    with pytest.raises(UserError) as error:
        repository.put_manifest(b'{"manifests":[]}', MEDIA_INDEX, tag="1")
    assert error.value.message == (
        f"`{fake.address}` does not take manifest `1`: quota of 1 GB is used up[31m (DENIED)"
    )
    hint = f"ask for the right to push there, or run `docker login {fake.address}` as somebody who has it"
    assert error.value.hint == hint


def test_a_read_only_registry_is_told(fake, repository):
    fake.fault("POST", "/uploads/", Answer(405))
    with pytest.raises(UserError) as error:
        repository.put_blob(DIGEST, BLOB)
    assert error.value.message == f"`{fake.address}` does not take an upload: status 405"
    assert error.value.hint == "this registry is read-only; choose another one with `--registry`"


def test_the_first_error_stops_a_push(fake, registry, tmp_path):
    image = simple_image(tmp_path / "cache", "sklearn", *(bytes([number]) for number in range(30)))
    fake.fault("POST", "/uploads/", Answer(403), times=50)
    with pytest.raises(UserError):
        push(registry, image)
    assert fake.count("POST") < 12


def _serve_image(fake: FakeRegistry, data: bytes, media_type: str, tag: str = "1") -> None:
    held = fake.manifests.setdefault("library/base", {})
    held[tag] = held[sha256_digest(data)] = (media_type, data)


def test_a_base_with_docker_media_types_keeps_them(fake, tmp_path):
    layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    config = json.dumps(
        {"os": "linux", "architecture": "arm64", "variant": "v8", "rootfs": {"diff_ids": [DIGEST]}}
    ).encode()
    media_type = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": {"digest": sha256_digest(config)},
            "layers": [{"mediaType": layer_type, "digest": DIGEST, "size": 3}],
        }
    ).encode()
    fake.blobs["library/base"] = {sha256_digest(config): config}
    _serve_image(fake, manifest, media_type)
    reference = f"{fake.address}/library/base:1"
    source = ImageSource(tmp_path, tmp_path / "cache")
    try:
        resolved = source.resolve(reference)
        assert resolved.manifests == (("linux/arm64", sha256_digest(manifest)),)
        base = BaseManifest(image=reference, digest=sha256_digest(manifest))
        found = source.image(base)
        count = len(fake.seen)
        assert source.image(base) == found
        assert len(fake.seen) == count
    finally:
        source.close()
    [layer] = found.layers
    assert (layer.media_type, layer.diff_id, layer.size) == (layer_type, DIGEST, 3)
    assert layer.source == f"{fake.address}/library/base@{sha256_digest(manifest)}"


def test_an_index_gives_its_platforms_and_no_attestations(fake, tmp_path):
    def entry(digest, **platform):
        return {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": sha256_digest(digest),
            "platform": platform,
        }

    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_INDEX,
            "manifests": [
                entry(b"1", os="linux", architecture="arm", variant="v7"),
                entry(b"2", os="linux", architecture="amd64"),
                entry(b"3", os="unknown", architecture="unknown"),
                entry(b"4", os="linux", architecture="arm64", variant="v8"),
            ],
        }
    ).encode()
    _serve_image(fake, index, MEDIA_INDEX)
    source = ImageSource(tmp_path, tmp_path / "cache")
    try:
        resolved = source.resolve(f"{fake.address}/library/base:1")
    finally:
        source.close()
    assert resolved.digest == sha256_digest(index)
    assert resolved.manifests == (
        ("linux/amd64", sha256_digest(b"2")),
        ("linux/arm/v7", sha256_digest(b"1")),
        ("linux/arm64", sha256_digest(b"4")),
    )


@pytest.mark.parametrize(
    ("data", "media_type", "message"),
    [
        (
            b'{"schemaVersion": 1}',
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "is an image of the old schema 1",
        ),
        (
            b'{"schemaVersion": 2, "mediaType": "text/x"}',
            "text/x",
            "is of the type `text/x`, not an image",
        ),
    ],
)
def test_what_is_no_base_is_refused(fake, tmp_path, data, media_type, message):
    _serve_image(fake, data, media_type)
    source = ImageSource(tmp_path, tmp_path / "cache")
    try:
        with pytest.raises(UserError) as error:
            source.resolve(f"{fake.address}/library/base:1")
        with pytest.raises(UserError) as missing:
            source.resolve(f"{fake.address}/library/base:2")
    finally:
        source.close()
    assert error.value.message == f"`{fake.address}/library/base:1` {message}"
    assert missing.value.message == f"there is no image `{fake.address}/library/base:2`"


def test_a_base_layer_with_other_bytes_is_refused_and_leaves_nothing(fake, registry, tmp_path):
    from dataclasses import replace

    image = simple_image(tmp_path / "cache", "base", b"layer")
    [layer] = image.platforms[0].layers
    with running() as other:
        other.blobs["library/base"] = {layer.digest: b"x" * layer.size}
        source = f"{other.address}/library/base@{DIGEST}"
        copied = replace(layer, path=None, source=source)
        with pytest.raises(UserError) as error:
            push(registry, make_image("child", make_platform((copied,))))
    assert error.value.message == f"`{source}` gives other bytes than blob `{layer.digest}` has"
    assert not list(tmp_path.glob(".envcatalog-copy-*"))


BROKEN_OFF = Answer(200, {"Content_Length": "1000", "Connection": "close"}, b"half")


def test_a_download_that_breaks_off_is_an_error(fake, repository):
    fake.fault("GET", "/blobs/", BROKEN_OFF)
    with pytest.raises(UserError) as error, repository.open_blob(DIGEST) as stream:
        while stream.read(100):
            pass
    assert error.value.message == (
        f"the download of a blob from `{fake.address}` broke off: the connection broke off"
    )


def test_a_stream_is_tried_again_before_its_first_byte(fake, repository, pauses):
    fake.blobs["team/sklearn"] = {DIGEST: BLOB}
    fake.fault("GET", "/blobs/", Answer(503, {"Retry-After": "3"}))
    fake.fault("GET", "/blobs/", Answer(drop=0))
    with repository.open_blob(DIGEST) as stream:
        assert stream.read() == BLOB
    assert pauses[0] == 3.0
    assert len(pauses) == 2


def test_a_stream_that_is_refused_is_an_error(fake, repository):
    with pytest.raises(UserError) as error, repository.open_blob(DIGEST):
        pass
    assert error.value.message == f"`{fake.address}` does not give a blob: status 404"


def test_a_base_layer_whose_download_breaks_is_fetched_again(fake, registry, tmp_path):
    from dataclasses import replace

    image = simple_image(tmp_path / "cache", "base", b"layer")
    [layer] = image.platforms[0].layers
    data = layer.path.read_bytes()
    with running() as other:
        other.blobs["library/base"] = {layer.digest: data}
        other.fault("GET", "/blobs/", BROKEN_OFF)
        copied = replace(layer, path=None, source=f"{other.address}/library/base@{DIGEST}")
        push(registry, make_image("child", make_platform((copied,))))
        assert other.count("GET") == 2
    assert fake.blobs["team/child"][layer.digest] == data


def test_a_base_layer_longer_than_told_is_not_read_to_its_end(fake, registry, tmp_path):
    from dataclasses import replace

    image = simple_image(tmp_path / "cache", "base", b"layer")
    [layer] = image.platforms[0].layers
    with running() as other:
        other.blobs["library/base"] = {layer.digest: layer.path.read_bytes() + b"x" * 100}
        copied = replace(layer, path=None, source=f"{other.address}/library/base@{DIGEST}")
        with pytest.raises(UserError, match="gives other bytes than blob"):
            push(registry, make_image("child", make_platform((copied,))))
