"""What a user may write for a registry or an image, and how connections are made."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from envcatalog.model.errors import UserError
from envcatalog.registry.http import HttpRegistry
from envcatalog.registry.open import open_registry
from envcatalog.registry.reference import LayoutReference, RegistryReference, parse_image
from envcatalog.registry.retry import RetryPolicy
from envcatalog.registry.transport import proxy_for
from support.fake_registry import running

FORMS = "write `oci:DIR` for a folder, or `HOST[:PORT]/PREFIX` for a registry"
HEX = "a" * 64


@pytest.mark.parametrize(
    ("where", "reference"),
    [
        ("registry.example.com/team/ml", "registry.example.com/team/ml/sklearn:3"),
        ("registry.example.com/team/", "registry.example.com/team/sklearn:3"),
        ("localhost:5000", "localhost:5000/sklearn:3"),
        ("localhost", "localhost/sklearn:3"),
        ("[::1]:5000/x", "[::1]:5000/x/sklearn:3"),
        ("oci:out/images", "oci:out/images:sklearn:3"),
    ],
)
def test_references_are_what_docker_and_skopeo_take(where, reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry = open_registry(where, cache=tmp_path)
    assert registry.reference("sklearn", "3") == reference
    registry.close()


@pytest.mark.parametrize(
    ("where", "message", "hint"),
    [
        ("", "no registry is given", FORMS),
        ("oci:", "`oci:` names no folder", FORMS),
        ("oci:a:b", "the folder of `oci:a:b` has a colon in it", "choose a folder without a colon"),
        (
            "https://registry.example.com/x",
            "a registry address has no scheme such as `https://`",
            FORMS,
        ),
        (
            "ada:s3cr3t@registry.example.com/x",
            "a registry address must not hold a user name or password",
            "remove the part before `@`, and run `docker login` for that registry",
        ),
        ("team/x", "`team/x` names no registry host", "write the whole reference, `HOST[:PORT]/team/x`"),
        (
            "registry.example.com/Team",
            "`Team` in `registry.example.com/Team` is not a repository path",
            "use lower-case letters, digits, single `.`, `_` or `-` between them, and `/` between the parts",
        ),
        (
            "registry.example.com:99999/x",
            "`registry.example.com:99999` in `registry.example.com:99999/x` is not a host",
            "write `HOST[:PORT]/PATH`, without a scheme",
        ),
        (
            "a b.example.com",
            "`a b.example.com` in `a b.example.com` is not a host",
            "write `HOST[:PORT]/PATH`, without a scheme",
        ),
    ],
)
def test_what_is_no_registry_is_refused(where, message, hint, tmp_path):
    with pytest.raises(UserError) as error:
        open_registry(where, cache=tmp_path)
    assert (error.value.message, error.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "registry.example.com/a/b:1.2_x",
            RegistryReference(host="registry.example.com", path="a/b", reference="1.2_x"),
        ),
        (
            f"localhost:5000/a@sha256:{HEX}",
            RegistryReference(host="localhost:5000", path="a", reference=f"sha256:{HEX}"),
        ),
        (
            f"localhost/a:1@sha256:{HEX}",
            RegistryReference(host="localhost", path="a", reference=f"sha256:{HEX}"),
        ),
        ("oci:dir:name:1", LayoutReference(folder="dir", ref="name:1")),
        ("oci:/abs/dir:latest", LayoutReference(folder="/abs/dir", ref="latest")),
    ],
)
def test_image_references(text, expected):
    assert parse_image(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python:3.12", "`python:3.12` names no registry host"),
        ("library/python:3.12", "`library/python:3.12` names no registry host"),
        ("registry.example.com/a", "`registry.example.com/a` names no tag and no digest"),
        ("registry.example.com/a:", "`registry.example.com/a:` names no tag and no digest"),
        ("registry.example.com/a:-x", "`-x` in `registry.example.com/a:-x` is not a tag"),
        ("registry.example.com/a@sha256:12", "`registry.example.com/a@sha256:12` has no valid digest"),
        ("registry.example.com/../a:1", "`../a` in `registry.example.com/../a:1` is not a repository path"),
        ("https://registry.example.com/a:1", "an address here has no scheme such as `https://`"),
        ("u:p@registry.example.com/a:1", "a registry address must not hold a user name or password"),
        ("oci:dir", "`oci:dir` names no image in an OCI layout"),
        ("oci::x", "`oci::x` names no image in an OCI layout"),
    ],
)
def test_what_is_no_image_reference_is_refused(text, message):
    with pytest.raises(UserError) as error:
        parse_image(text)
    assert error.value.message == message
    assert error.value.hint


def test_opening_sends_nothing(tmp_path):
    with running() as fake:
        open_registry(f"{fake.address}/x", cache=tmp_path).close()
        assert fake.seen == []


def test_a_tag_that_is_none_is_refused_before_anything_is_sent(tmp_path):
    with running() as fake:
        registry = open_registry(f"{fake.address}/x", cache=tmp_path)
        with pytest.raises(UserError, match="is not a tag"):
            registry.repository("a").head("../../x")
        assert fake.seen == []
        registry.close()


def test_proxies_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "internal.example.com,.corp.example.com")
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert proxy_for("https://registry.example.com/v2/") == "http://proxy.example.com:3128"
    assert proxy_for("https://internal.example.com/v2/") == ""
    assert proxy_for("https://a.corp.example.com:5000/v2/") == ""
    assert proxy_for("https://localhost:5000/v2/") == ""


def test_a_proxy_that_is_gone_is_named_without_its_password(monkeypatch, tmp_path):
    with running() as gone:
        pass
    monkeypatch.setenv("https_proxy", f"http://ada:s3cr3t@{gone.address}")
    monkeypatch.setenv("no_proxy", "")
    policy = RetryPolicy(attempts=1)
    registry = HttpRegistry("registry.example.com", scratch=tmp_path, policy=policy)
    with pytest.raises(UserError) as error:
        registry.repository("x").head("1")
    registry.close()
    expected = "`registry.example.com` cannot be reached: the proxy: connection refused"
    assert error.value.message == expected


class _Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def tls(tmp_path):
    """An https server on loopback with a certificate of its own; its address and the certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl, which is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    make = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [*make, *subject, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            pass

    server = Server(("127.0.0.1", 0), _Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"localhost:{server.server_address[1]}", certificate
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_certificate_bundle_of_the_environment_is_used(tls, variable, monkeypatch, tmp_path):
    address, certificate = tls
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(variable, str(certificate))
    assert _https_status(address) == 404


def test_an_unknown_certificate_is_refused(tls, monkeypatch):
    address, _ = tls
    with pytest.raises(Exception, match=r"its certificate is not trusted \(self.signed certificate\)"):
        _https_status(address)


def test_a_missing_certificate_bundle_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    registry = open_registry("registry.example.com", cache=tmp_path)
    with pytest.raises(UserError) as error:
        registry.repository("x").head("1")
    assert error.value.message == f"the certificate bundle `{tmp_path / 'gone.pem'}` is missing"


def _https_status(address: str) -> int:
    from envcatalog.registry.client import Client

    client = Client("registry.example.com", policy=RetryPolicy(attempts=1))
    try:
        return client.request("HEAD", f"https://{address}/v2/", retry=False).status
    finally:
        client.close()
