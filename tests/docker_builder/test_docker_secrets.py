"""A secret given to a build is in no byte of the image, its history, the log or the cache."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from docker_support import Engine, add

from envcatalog.model.errors import UserError
from envcatalog.run.engine.buildkit import find_client
from envcatalog.run.engine.secrets import asked_for, machine_secrets, read_secrets
from support.catalogs import Workplace
from support.servers import missing

BASE = "{image: 'oci:bases:tools'}"
SECRET = "tok-3n-that-is-nobodys-business"
FROM_BASE = "ARG BASE\nFROM ${BASE}\n"


@pytest.fixture
def buildkit() -> str:
    found = find_client()
    if found is None:
        missing("a docker command with BuildKit")
    return found


def test_the_options() -> None:
    found = read_secrets(["id=a,env=A", f"id=b,src={__file__}"], {"A": "x"})
    assert [(item.id, item.value[:3], item.offered) for item in found] == [
        ("a", b"x", False),
        ("b", b'"""', False),
    ]
    assert "x" not in repr(found[0]).partition("id='a'")[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "a secret is given in another form than `--secret` takes"),
        ("id=a", "a secret is given in another form than `--secret` takes"),
        ("id=a,b=c", "a secret is given in another form than `--secret` takes"),
        ("id=../a,env=A", "a secret is given in another form than `--secret` takes"),
        ("id=a,env=NO", "the secret `a` is in the variable `NO`, which is not set"),
        ("id=a,src=/no/such", "the secret `a` cannot be read from `/no/such`: no such file or directory"),
    ],
)
def test_options_that_are_wrong(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_secrets([text], {"A": "value"})
    assert (str(caught.value), "value" in caught.value.hint) == (message, False)


def test_a_secret_twice() -> None:
    with pytest.raises(UserError, match="the secret `a` is given twice"):
        read_secrets(["id=a,env=A", "id=a,env=A"], {"A": "x"})


def test_which_secrets_a_dockerfile_asks_for() -> None:
    text = "RUN --mount=type=secret,id=a x\nRUN --mount=target=/run/b.txt,type=secret --mount=type=cache,id=c y\n"
    assert asked_for(text) == {"a", "b.txt"}


def test_what_a_machine_offers(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificates")
    (tmp_path / "pip.conf").write_text(f"[global]\ncert = {tmp_path}/ca.pem\n")
    (tmp_path / ".netrc").write_text("machine x login y password z")
    found = machine_secrets({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}, tmp_path)
    assert {item.id: item.value[:6] for item in found} == {
        "ca-bundle": b"certif",
        "netrc": b"machin",
        "pip.conf": b"[globa",
    }
    assert all(item.offered for item in found)
    (tmp_path / "other.pem").write_text("others")
    found = machine_secrets({"SSL_CERT_FILE": str(tmp_path / "other.pem"), "NETRC": "/no"}, tmp_path / "no")
    assert {item.id: item.value[:6] for item in found}["ca-bundle"] == b"others"


def test_a_secret_does_not_travel(place: Workplace) -> None:
    place.monkeypatch.setenv("TOKEN", SECRET)
    done = place.run(
        "publish", "--executor", "processes:2", "--secret", "id=t,env=TOKEN", "--registry", place.images
    )
    assert done.code == 2
    assert "error: --secret needs the executor `inline`: a secret does not travel" in done.err


def everything(place: Workplace, registry: str, engine: Engine, digest: str) -> bytes:
    """Every byte that somebody may see: of the image in the registry and of our cache, unpacked; the engine's list."""
    parts = []
    for path in place.cache.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            parts += [str(path).encode(), gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data]
    from envcatalog.registry.open import open_registry

    opened = open_registry(registry, cache=place.cache)
    repository = opened.repository("app")
    index = repository.manifest(digest)
    assert index is not None
    parts.append(index.data)
    for entry in json.loads(index.data)["manifests"]:
        found = repository.manifest(entry["digest"])
        assert found is not None
        parts.append(found.data)
        document = json.loads(found.data)
        parts.append(repository.blob(document["config"]["digest"]))
        for layer in document["layers"]:
            with repository.open_blob(layer["digest"]) as stream:
                parts.append(gzip.decompress(stream.read()))
    opened.close()
    parts += [json.dumps(engine.client.images(all=True)).encode()]
    return b"\n".join(parts)


@pytest.mark.engine
@pytest.mark.registry
def test_a_secret_is_nowhere(
    place: Workplace, registry: str, engine: Engine, buildkit: str, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\nthe-bundle-of-this-machine\n")
    (Path.home() / ".netrc").write_text("machine packages.example.com login ada password hunter-two-three\n")
    place.monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    place.monkeypatch.setenv("TOKEN", SECRET)
    text = (
        f"{FROM_BASE}RUN --mount=type=secret,id=token cat /run/secrets/token && echo seen > /seen\n"
        "RUN --mount=type=secret,id=ca-bundle --mount=type=secret,id=netrc,target=/run/netrc "
        "cat /run/secrets/ca-bundle /run/netrc && ls /run/secrets\n"
    )
    add(place, "app", text, "checks: ['cat /seen']\n", base=BASE)
    asked = ("publish", "app", "--registry", registry, "--network", "none", "--secret", "id=token,env=TOKEN")
    done = place.run(*asked, "--format", "json")
    assert done.code == 0, done.err
    # Each step did see its secret, and the log shows that it was covered.
    assert done.err.count("********") == 2
    assert "the-bundle-of-this-machine" in done.err
    found = (
        everything(place, registry, engine, done.json["published"][0]["digest"])
        + (done.err + done.out).encode()
    )
    for secret in (SECRET, "hunter-two-three"):
        assert secret.encode() not in found
    assert b"the-bundle-of-this-machine" not in found.replace(done.err.encode(), b"")
    assert b"RUN --mount=type=secret" in found or b"cat /run/secrets/token" in found


@pytest.mark.engine
@pytest.mark.registry
@pytest.mark.parametrize("step", ["cp /run/secrets/token /kept", "ln -s $(cat /run/secrets/token) /link"])
def test_a_dockerfile_that_keeps_a_secret_is_refused(
    place: Workplace, registry: str, engine: Engine, buildkit: str, step: str
) -> None:
    place.monkeypatch.setenv("TOKEN", SECRET)
    add(place, "app", f"{FROM_BASE}RUN --mount=type=secret,id=token {step}\n", base=BASE)
    asked = ("publish", "app", "--registry", registry, "--network", "none", "--secret", "id=token,env=TOKEN")
    done = place.run(*asked)
    assert done.code == 1
    assert done.err.endswith(
        "error: the secret `token` is in the image, in one of its layers; nothing of it was kept\n"
        "hint: let the Dockerfile use the secret and not copy or print it into a file\n"
    )
    assert place.tags() == []
    assert SECRET not in done.err
    kept = [
        gzip.decompress(path.read_bytes()) for path in (place.cache / "blobs").rglob("*") if path.is_file()
    ]
    assert not any(SECRET.encode() in data for data in kept)
    assert engine.tags("envcatalog-") == []


@pytest.mark.engine
def test_a_failing_step_of_buildkit(place: Workplace, engine: Engine, buildkit: str) -> None:
    place.monkeypatch.setenv("TOKEN", SECRET)
    step = "RUN --mount=type=secret,id=token cat /run/secrets/token; echo and then; sh -c 'exit 7'"
    add(place, "app", f"{FROM_BASE}RUN echo fine\n{step}\n", base=BASE)
    done = place.run("build", "app", "--network", "none", "--secret", "id=token,env=TOKEN")
    assert done.code == 1
    error = done.err[done.err.index("error: ") :]
    assert error.startswith(f"error: building `app` failed at `catalog/app/Dockerfile`, `[3/3] {step}`: ")
    assert "exit code: 7\n" in error
    assert "********and then\n" in error
    assert SECRET not in done.err


def test_no_client_has_buildkit(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho '  --tag list'\n")
    (tmp_path / "docker").chmod(0o755)
    assert find_client(str(tmp_path)) is None
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    assert find_client(f"{tmp_path}/none:{tmp_path}") is None


def test_doctor_names_the_client(place: Workplace, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho '  --secret id=mysecret'\n")
    (tmp_path / "docker").chmod(0o755)
    place.monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    done = place.run("doctor", "--format", "json")
    (found,) = [item for item in done.json["findings"] if item["name"] == "buildkit"]
    assert (found["state"], found["detail"]) == ("ok", str(tmp_path / "docker"))
