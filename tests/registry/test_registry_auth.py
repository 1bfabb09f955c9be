"""Credentials: where they come from, where they go, and where they never appear."""

from __future__ import annotations

import base64
import json
import os
import traceback
from pathlib import Path

import pytest
from small_images import simple_image

from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import UserError
from envcatalog.model.image import MEDIA_INDEX
from envcatalog.model.seams import Silent
from envcatalog.registry import credentials
from envcatalog.registry.auth import Challenge, parse_challenge
from envcatalog.registry.client import Client
from envcatalog.registry.credentials import Credential, find_credential
from envcatalog.registry.http import HttpRegistry
from envcatalog.registry.push import push_image
from envcatalog.registry.retry import RetryPolicy
from support.fake_registry import Answer, running

SECRET = "s3cr3t-passw0rd"
POLICY = RetryPolicy(sleep=lambda _: None)
BLOB = b"content"
DIGEST = sha256_digest(BLOB)


@pytest.fixture
def fake():
    with running() as registry:
        registry.password = ("ada", SECRET)
        yield registry


@pytest.fixture
def registry(fake, tmp_path):
    opened = HttpRegistry(fake.address, "team", scratch=tmp_path, policy=POLICY)
    yield opened
    opened.close()


def configure(config: dict[str, object]) -> Path:
    path = Path(os.environ["DOCKER_CONFIG"]) / "config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(config))
    return path


def log_in(host: str) -> None:
    configure({"auths": {host: {"auth": base64.b64encode(f"ada:{SECRET}".encode()).decode()}}})


def helper(monkeypatch, tmp_path, script: str, name: str = "test") -> None:
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / f"docker-credential-{name}"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


# Challenges


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('Basic realm="x"', Challenge(scheme="basic", parameters={"realm": "x"})),
        ("Basic", Challenge(scheme="basic", parameters={})),
        (
            'BEARER Realm="https://a/t?x=1,2" , service="a \\"b\\"",scope="repository:a:pull,push"',
            Challenge(
                scheme="bearer",
                parameters={
                    "realm": "https://a/t?x=1,2",
                    "service": 'a "b"',
                    "scope": "repository:a:pull,push",
                },
            ),
        ),
        ("Bearer realm=token", Challenge(scheme="bearer", parameters={"realm": "token"})),
        ("Negotiate", None),
        ("", None),
        ('Bearer realm="a"service="b"', None),
        ('Bearer realm="a", realm="b"', None),
        ('Bearer realm="a', None),
        ("Bearer realm", None),
        ('Bearer realm="a", Basic realm="b"', None),
    ],
)
def test_challenges_are_read_strictly(value, expected):
    assert parse_challenge(value) == expected


# Basic


def test_basic_credentials_are_sent_only_when_asked(fake, registry):
    log_in(fake.address)
    repository = registry.repository("sklearn")
    assert repository.head("1") is None
    assert repository.head("2") is None
    sent = ["authorization" in item.headers for item in fake.seen]
    assert sent == [False, True, True]


def test_without_credentials_it_says_so(fake, registry):
    with pytest.raises(UserError) as error:
        registry.repository("sklearn").head("1")
    assert error.value.message == f"`{fake.address}` asks for credentials, and there are none"
    assert error.value.hint == f"run `docker login {fake.address}`"


def test_wrong_credentials_are_sent_once(fake, registry):
    log_in(fake.address)
    fake.password = ("ada", "another")
    with pytest.raises(UserError) as error:
        registry.repository("sklearn").head("1")
    assert error.value.message == f"`{fake.address}` refuses the credentials it was given"
    assert len(fake.seen) == 2


def test_a_challenge_that_is_not_understood_is_not_met(fake, registry):
    log_in(fake.address)
    fake.fault("HEAD", "/manifests/", Answer(401, {"WWW-Authenticate": "Negotiate"}))
    with pytest.raises(UserError, match="asks for credentials"):
        registry.repository("sklearn").head("1")
    assert all("authorization" not in item.headers for item in fake.seen)


# Tokens


def test_a_whole_push_takes_a_token_for_each_scope(fake, registry, tmp_path):
    fake.realm = f"http://{fake.address}/token"
    log_in(fake.address)
    image = simple_image(tmp_path / "cache")
    push_image(registry, registry.repository("sklearn"), image, progress=Silent())
    scopes = [item.query["scope"] for item in fake.seen if item.path == "/token"]
    assert scopes == [["repository:team/sklearn:pull"], ["repository:team/sklearn:pull,push"]]
    assert fake.manifests["team/sklearn"][image.digest] == (MEDIA_INDEX, image.index)
    assert [item.query["service"] for item in fake.seen if item.path == "/token"] == [['fake, "quoted"']] * 2


def test_a_token_is_kept_for_its_scope(fake, registry):
    fake.realm, fake.password = f"http://{fake.address}/token", None
    for tag in ("1", "2", "3"):
        assert registry.repository("sklearn").head(tag) is None
    registry.repository("other").head("1")
    assert fake.paths("GET") == ["/token", "/token"]
    assert fake.count("HEAD") == 5


def test_a_token_for_pushing_also_pulls(fake, registry):
    fake.realm, fake.password = f"http://{fake.address}/token", None
    repository = registry.repository("sklearn")
    repository.put_blob(DIGEST, BLOB)
    assert repository.has_blob(DIGEST)
    assert fake.paths("GET") == ["/token"]


def test_an_expired_token_is_fetched_again_once(fake, registry):
    fake.realm, fake.password = f"http://{fake.address}/token", None
    repository = registry.repository("sklearn")
    repository.head("1")
    fake.tokens.clear()
    assert repository.head("1") is None
    assert fake.paths("GET") == ["/token", "/token"]


def test_a_token_that_is_never_taken_ends_it(fake, registry):
    fake.realm, fake.password = f"http://{fake.address}/token", None
    challenge = {"WWW-Authenticate": f'Bearer realm="{fake.realm}"'}
    fake.fault("HEAD", "/manifests/", Answer(401, challenge), times=9)
    with pytest.raises(UserError, match="asks for credentials, and there are none"):
        registry.repository("sklearn").head("1")
    assert fake.count("HEAD") == 2


def test_an_identity_token_is_posted(fake, registry):
    fake.realm = f"http://{fake.address}/token"
    configure({"auths": {fake.address: {"identitytoken": SECRET}}})
    assert registry.repository("sklearn").head("1") is None
    [post] = [item for item in fake.seen if item.method == "POST"]
    assert post.path == "/token"
    assert post.query == {}
    assert b"grant_type=refresh_token" in post.body


def test_a_registry_token_is_sent_as_it_is(fake, registry):
    fake.realm = f"http://{fake.address}/token"
    fake.tokens["ready"] = {"repository:team/sklearn:pull"}
    configure({"auths": {fake.address: {"registrytoken": "ready"}}})
    assert registry.repository("sklearn").head("1") is None
    assert fake.count("GET") == 0


@pytest.mark.parametrize(
    "realm", ["http://auth.example.com/token", "file:///etc/passwd", "ftp://auth.example.com/", "/token", ""]
)
def test_a_token_realm_that_is_not_https_gets_nothing(fake, registry, realm):
    log_in(fake.address)
    fake.realm = realm
    with pytest.raises(UserError) as error:
        registry.repository("sklearn").head("1")
    assert error.value.message == f"`{fake.address}` asks for a token from an address that is not https"


@pytest.mark.parametrize("answer", [b"{}", b"[]", b'{"token": 1}', b'{"token": "a\\r\\nX: y"}'])
def test_what_is_no_token_is_refused(fake, registry, answer):
    fake.realm, fake.password = f"http://{fake.address}/token", None
    fake.fault("GET", "/token", Answer(200, body=answer))
    with pytest.raises(UserError) as error:
        registry.repository("sklearn").head("1")
    assert error.value.message == f"the token service of `{fake.address}` gave no token"


def test_a_token_service_that_stumbles_is_asked_again(fake, registry):
    fake.realm, fake.password = f"http://{fake.address}/token", None
    fake.fault("GET", "/token", Answer(503))
    fake.fault("GET", "/token", Answer(drop=0))
    assert registry.repository("sklearn").head("1") is None


# Leaks


def test_a_redirect_to_storage_carries_no_credentials(fake, registry):
    log_in(fake.address)
    fake.blobs["team/sklearn"] = {DIGEST: BLOB}
    with running() as storage:
        storage.blobs = fake.blobs
        fake.storage = f"http://{storage.address}"
        repository = registry.repository("sklearn")
        assert repository.has_blob(DIGEST)
        assert storage.seen == []
        assert repository.blob(DIGEST) == BLOB
        with repository.open_blob(DIGEST) as stream:
            assert stream.read() == BLOB
        assert [item.method for item in storage.seen] == ["GET", "GET"]
        assert all("authorization" not in item.headers for item in storage.seen)


def test_a_storage_that_asks_for_credentials_gets_none(fake, registry):
    log_in(fake.address)
    fake.blobs["team/sklearn"] = {DIGEST: BLOB}
    with running() as storage:
        storage.password = ("ada", SECRET)
        fake.storage = f"http://{storage.address}"
        with pytest.raises(UserError) as error:
            registry.repository("sklearn").blob(DIGEST)
        assert all("authorization" not in item.headers for item in storage.seen)
    assert error.value.message == f"`{fake.address}` does not give blob `{DIGEST}`: status 401"


def test_an_upload_place_on_another_host_gets_no_credentials(fake, registry):
    log_in(fake.address)
    with running() as storage:
        place = f"http://{storage.address}/v2/team/sklearn/blobs/uploads/here?_state=a%2Bb"
        storage.uploads.add("here")
        repository = registry.repository("sklearn")
        repository.head("1")
        fake.fault("POST", "/uploads/", Answer(202, {"Location": place}))
        repository.put_blob(DIGEST, BLOB)
        assert storage.blobs == {"team/sklearn": {DIGEST: BLOB}}
        assert all("authorization" not in item.headers for item in storage.seen)


@pytest.mark.parametrize("place", ["http://storage.example.com/x", "file:///etc/passwd"])
def test_plain_http_elsewhere_is_not_followed(fake, registry, place):
    fake.password = None
    fake.fault("GET", "/blobs/", Answer(307, {"Location": place}))
    with pytest.raises(UserError, match="over plain http, which is not followed"):
        registry.repository("sklearn").blob(DIGEST)


def test_redirects_in_circles_end(fake, registry):
    fake.password = None
    place = f"http://{fake.address}/v2/team/sklearn/blobs/{DIGEST}"
    fake.fault("GET", "/blobs/", Answer(302, {"Location": place}), times=50)
    with pytest.raises(UserError) as error:
        registry.repository("sklearn").blob(DIGEST)
    assert error.value.message == f"`{fake.address}` redirects more than 5 times"
    assert len(fake.seen) == 6


def test_a_secret_that_the_registry_repeats_is_not_shown(fake, registry):
    log_in(fake.address)
    basic = base64.b64encode(f"ada:{SECRET}".encode()).decode()
    body = json.dumps({"errors": [{"code": "DENIED", "message": f"{SECRET} {basic}"}]}).encode()
    repository = registry.repository("sklearn")
    repository.head("1")
    fake.fault("PUT", "/manifests/", Answer(403, body=body))
    with pytest.raises(UserError) as error:
        repository.put_manifest(b"{}", MEDIA_INDEX, tag="1")
    assert error.value.message == f"`{fake.address}` does not take manifest `1`: *** *** (DENIED)"


def test_no_traceback_holds_the_secret(fake, registry):
    log_in(fake.address)
    repository = registry.repository("sklearn")
    repository.head("1")
    fake.fault("PUT", "/uploads/", Answer(drop=0), times=9)
    fake.fault("GET", "/manifests/", Answer(200, body=b" " * (5 << 20)))
    for attempt in (lambda: repository.put_blob(DIGEST, BLOB), lambda: repository.manifest("1")):
        with pytest.raises(UserError) as error:
            attempt()
        text = "".join(traceback.format_exception(error.value))
        assert SECRET not in text
        assert "Authorization" not in text
    assert SECRET not in repr(find_credential(fake.address))


def test_hosts_that_are_not_loopback_are_spoken_to_over_https():
    assert Client("registry.example.com").url("/v2/") == "https://registry.example.com/v2/"
    assert Client("registry.example.com:5000", insecure=True).url("/v2/").startswith("http://")
    for host in ("localhost", "localhost:5000", "127.0.0.1:1", "127.9.9.9", "[::1]:5000"):
        assert Client(host).url("/v2/") == f"http://{host}/v2/"
    for host in ("127.0.0.1.example.com", "localhost.example.com"):
        assert Client(host).url("/v2/") == f"https://{host}/v2/"


# Docker's configuration


def test_hosts_match_exactly_and_old_keys_too():
    auth = base64.b64encode(b"ada:pw").decode()
    configure(
        {"auths": {"https://registry.example.com/v1/": {"auth": auth}, "b.example.com:5000": {"auth": auth}}}
    )
    found = Credential(username="ada", password="pw")
    assert find_credential("registry.example.com") == found
    assert find_credential("b.example.com:5000") == found
    assert find_credential("b.example.com") is None
    assert find_credential("evil-registry.example.com") is None


def test_docker_hub_answers_at_another_host_and_its_credential_is_stored_under_a_third():
    assert Client("docker.io").url("/v2/") == "https://registry-1.docker.io/v2/"
    auth = base64.b64encode(b"ada:pw").decode()
    configure({"auths": {"https://index.docker.io/v1/": {"auth": auth}}})
    assert find_credential("docker.io") == Credential(username="ada", password="pw")
    assert find_credential("index.docker.io.example.com") is None


def test_no_configuration_and_empty_entries_are_no_credential():
    assert find_credential("registry.example.com") is None
    configure({"auths": {"registry.example.com": {}}})
    assert find_credential("registry.example.com") is None


def test_without_docker_config_the_home_is_used(monkeypatch, isolation):
    monkeypatch.delenv("DOCKER_CONFIG")
    (isolation / ".docker").mkdir()
    (isolation / ".docker/config.json").write_text(
        '{"auths": {"a.example.com": {"username": "u", "password": "p"}}}'
    )
    assert find_credential("a.example.com") == Credential(username="u", password="p")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "`{path}` is not a JSON object"),
        ("[]", "`{path}` is not a JSON object"),
        (
            '{"auths": {"a.example.com": {"auth": "s3cr3t!"}}}',
            "`auth` for `a.example.com` in `{path}` is not base64",
        ),
        (
            '{"credsStore": "../../bin/evil"}',
            "`{path}` names a credential helper that is not a plain name",
        ),
        (
            '{"credsStore": ["x"]}',
            "`{path}` names a credential helper that is not a plain name",
        ),
        (
            '{"credHelpers": {"a.example.com": "missing"}}',
            "the credential helper `docker-credential-missing` is not installed",
        ),
    ],
)
def test_a_broken_configuration_is_named_without_its_content(text, message):
    path = configure({})
    path.write_text(text)
    with pytest.raises(UserError) as error:
        find_credential("a.example.com")
    assert error.value.message == message.format(path=path)


def test_a_helper_is_asked_for_the_host_on_its_standard_input(monkeypatch, tmp_path):
    script = f"""[ "$1" = get ] || exit 9
read host
echo '{{"ServerURL": "x", "Username": "'$host'", "Secret": "{SECRET}"}}'
"""
    helper(monkeypatch, tmp_path, script)
    configure({"credHelpers": {"a.example.com": "test"}})
    assert find_credential("a.example.com") == Credential(username="a.example.com", password=SECRET)
    assert find_credential("b.example.com") is None


def test_a_helper_may_give_an_identity_token(monkeypatch, tmp_path):
    helper(monkeypatch, tmp_path, f"""echo '{{"Username": "<token>", "Secret": "{SECRET}"}}'""")
    configure({"credsStore": "test"})
    assert find_credential("a.example.com") == Credential(identity_token=SECRET)


def test_a_helper_that_knows_nothing_leaves_it_to_the_file(monkeypatch, tmp_path):
    helper(monkeypatch, tmp_path, "echo credentials not found in native keychain; exit 1")
    entry = {"username": "u", "password": "p"}
    configure({"credsStore": "test", "auths": {"a.example.com": entry}})
    assert find_credential("a.example.com") == Credential(username="u", password="p")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (f"echo {SECRET}; exit 3", "the credential helper `docker-credential-test` failed with exit code 3"),
        (f"echo {SECRET}", "the credential helper `docker-credential-test` gave no user name and secret"),
        ("exec sleep 60", "the credential helper `docker-credential-test` did not answer within 0 s"),
    ],
)
def test_a_helper_that_fails_is_named_without_its_output(monkeypatch, tmp_path, script, message):
    monkeypatch.setattr(credentials, "HELPER_SECONDS", 0.3)
    helper(monkeypatch, tmp_path, script)
    configure({"credsStore": "test"})
    with pytest.raises(UserError) as error:
        find_credential("a.example.com")
    assert error.value.message == message
    assert SECRET not in "".join(traceback.format_exception(error.value))
