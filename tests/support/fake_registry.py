"""A strict registry in a thread, for faults that a real one does not show on demand.

It keeps to the OCI distribution specification: a blob needs its digest, a manifest needs its blobs.
Faults are queued for a method and a pattern of the path, and each is used once.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """A fault, instead of the right answer. `drop` closes the connection after reading so many bytes."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: int | None = None
    lie: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True)
class Seen:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""


def digest_of(data: bytes) -> str:
    """SHA-256 in the OCI spelling."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class FakeRegistry:
    """State and faults; start it with `running`."""

    def __init__(self) -> None:
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.uploads: set[str] = set()
        self.stale: set[str] = set()
        self.seen: list[Seen] = []
        self.faults: list[tuple[str, re.Pattern[str], Answer]] = []
        self.password: tuple[str, str] | None = None
        self.realm: str | None = None
        self.tokens: dict[str, set[str]] = {}
        self.page = 1000
        self.mounts = True
        self.referrers = False
        self.storage: str | None = None
        self.address = ""
        self.lock = threading.Lock()

    def fault(self, method: str, pattern: str, answer: Answer, times: int = 1) -> None:
        """Queue a fault."""
        self.faults += [(method, re.compile(pattern), answer)] * times

    def take_fault(self, method: str, path: str) -> Answer | None:
        """The next fault for a request, if any."""
        with self.lock:
            for position, (wanted, pattern, answer) in enumerate(self.faults):
                if wanted == method and pattern.search(path):
                    del self.faults[position]
                    return answer
        return None

    def count(self, method: str) -> int:
        """How many requests of the method came in."""
        return sum(item.method == method for item in self.seen)

    def paths(self, method: str) -> list[str]:
        """Their paths."""
        return [item.path for item in self.seen if item.method == method]


@contextlib.contextmanager
def running(fake: FakeRegistry | None = None) -> Iterator[FakeRegistry]:
    """Serve on a loopback port until the block ends."""
    fake = fake or FakeRegistry()
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    fake.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    fake: FakeRegistry
    protocol_version = "HTTP/1.1"
    timeout = 10

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def handle(self) -> None:
        """A client that goes away is no error of ours."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def finish(self) -> None:
        """The same for what is still to be flushed."""
        with contextlib.suppress(ConnectionError, ValueError):
            super().finish()

    def do_GET(self) -> None:
        self.dispatch()

    def do_HEAD(self) -> None:
        self.dispatch()

    def do_POST(self) -> None:
        self.dispatch()

    def do_PUT(self) -> None:
        self.dispatch()

    def do_PATCH(self) -> None:
        self.dispatch()

    def do_DELETE(self) -> None:
        self.dispatch()

    def dispatch(self) -> None:
        parts = urlsplit(self.path)
        fault = self.fake.take_fault(self.command, self.path)
        length = int(self.headers.get("Content-Length", "0"))
        if fault is not None and fault.drop is not None:
            self.rfile.read(min(fault.drop, length))
            self.record(parts, b"")
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = self.rfile.read(length)
        self.record(parts, body)
        if fault is not None and fault.lie is None:
            self.answer(fault.status, fault.body, **fault.headers)
            return
        self.lie = fault.lie if fault else None
        if parts.path == "/token":
            self.token(parse_qs(parts.query), body)
        elif self.allowed(parts.path, parse_qs(parts.query)):
            self.route(parts.path, parse_qs(parts.query), body)

    def record(self, parts: object, body: bytes) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, parts.path, parse_qs(parts.query), headers, body[:4096])
        with self.fake.lock:
            self.fake.seen.append(seen)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status: int, code: str, detail: object = None) -> None:
        body = json.dumps({"errors": [{"code": code, "message": code.lower(), "detail": detail}]}).encode()
        self.answer(status, body, Content_Type="application/json")

    # Authorization

    def basic(self) -> tuple[str, str] | None:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        user, _, password = base64.b64decode(value).decode().partition(":")
        return user, password

    def token(self, query: dict[str, list[str]], body: bytes) -> None:
        if self.command == "POST":
            form = parse_qs(body.decode())
            good = form.get("refresh_token") == [self.fake.password[1]] if self.fake.password else False
            scopes = set(form.get("scope", [""])[0].split())
        else:
            good = self.fake.password is None or self.basic() == self.fake.password
            scopes = set(query.get("scope", []))
        if not good:
            self.error(401, "UNAUTHORIZED")
            return
        token = uuid.uuid4().hex
        self.fake.tokens[token] = scopes
        self.answer(200, json.dumps({"token": token, "expires_in": 300}).encode())

    def allowed(self, path: str, query: dict[str, list[str]]) -> bool:
        fake = self.fake
        if fake.realm is None:
            if fake.password is None or self.basic() == fake.password:
                return True
            self.answer(401, WWW_Authenticate='Basic realm="fake"')
            return False
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        repository = re.sub(r"/(manifests|blobs|tags|referrers)/.*", "", path).removeprefix("/v2/")
        action = "pull" if self.command in ("GET", "HEAD") else "pull,push"
        wanted = f"repository:{repository}:{action}"
        held = fake.tokens.get(token, set())
        if wanted in held or (action == "pull" and f"{wanted},push" in held):
            return True
        challenge = f'Bearer realm="{fake.realm}",service="fake, \\"quoted\\"",scope="{wanted}"'
        self.answer(401, WWW_Authenticate=challenge)
        return False

    # The specification's end points

    def route(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        found = re.match(r"/v2/(.+)/(manifests|blobs/uploads|blobs|tags|referrers)/(.*)\Z", path)
        if found is None:
            self.error(404, "NAME_UNKNOWN")
            return
        repository, kind, rest = found.groups()
        {
            "manifests": self.manifest,
            "blobs": self.blob,
            "blobs/uploads": self.upload,
            "tags": self.tags,
            "referrers": self.list_referrers,
        }[kind](repository, rest, query, body)

    def manifest(self, repository: str, reference: str, query: dict[str, list[str]], body: bytes) -> None:
        held = self.fake.manifests.setdefault(repository, {})
        if self.command == "PUT":
            self.put_manifest(repository, reference, body)
            return
        if reference not in held:
            self.error(404, "MANIFEST_UNKNOWN")
            return
        media_type, data = held[reference]
        data = self.lie(data) if self.lie else data
        told = reference if ":" in reference else digest_of(held[reference][1])
        self.answer(200, data, Content_Type=media_type, Docker_Content_Digest=told)

    def put_manifest(self, repository: str, reference: str, body: bytes) -> None:
        document = json.loads(body)
        blobs, manifests = self.fake.blobs.get(repository, {}), self.fake.manifests[repository]
        needed = [document["config"], *document["layers"]] if "config" in document else []
        for entry in needed:
            if entry["digest"] not in blobs or entry["digest"] in self.fake.stale:
                self.error(400, "MANIFEST_BLOB_UNKNOWN", {"digest": entry["digest"]})
                return
        for entry in document.get("manifests", []):
            if entry["digest"] not in manifests:
                self.error(400, "MANIFEST_UNKNOWN", {"digest": entry["digest"]})
                return
        digest = digest_of(body)
        if ":" in reference and reference != digest:
            self.error(400, "DIGEST_INVALID")
            return
        for name in (digest, reference):
            manifests[name] = (self.headers["Content-Type"], body)
        extra = (
            {"OCI_Subject": document["subject"]["digest"]}
            if self.fake.referrers and "subject" in document
            else {}
        )
        self.answer(201, Docker_Content_Digest=digest, **extra)

    def blob(self, repository: str, digest: str, query: dict[str, list[str]], body: bytes) -> None:
        data = self.fake.blobs.get(repository, {}).get(digest)
        if data is None:
            self.error(404, "BLOB_UNKNOWN")
        elif self.fake.storage is not None:
            self.answer(307, Location=f"{self.fake.storage}/v2/{repository}/blobs/{digest}?signature=secret")
        else:
            self.answer(200, self.lie(data) if self.lie else data, Docker_Content_Digest=digest)

    def upload(self, repository: str, place: str, query: dict[str, list[str]], body: bytes) -> None:
        fake = self.fake
        if self.command == "POST":
            [mount], [source] = query.get("mount", [""]), query.get("from", [""])
            if mount and fake.mounts and mount in fake.blobs.get(source, {}):
                fake.blobs.setdefault(repository, {})[mount] = fake.blobs[source][mount]
                self.answer(201, Docker_Content_Digest=mount)
                return
            place = uuid.uuid4().hex
            fake.uploads.add(place)
            self.answer(202, Location=f"/v2/{repository}/blobs/uploads/{place}?_state=a%2Bb")
        elif self.command != "PUT":
            self.error(405, "UNSUPPORTED")
        elif place not in fake.uploads or query.get("_state") != ["a+b"]:
            self.error(404, "BLOB_UPLOAD_UNKNOWN")
        elif query.get("digest") != [digest_of(body)]:
            self.error(400, "DIGEST_INVALID")
        else:
            fake.uploads.discard(place)
            fake.blobs.setdefault(repository, {})[digest_of(body)] = body
            fake.stale.discard(digest_of(body))
            self.answer(201, Docker_Content_Digest=digest_of(body))

    def tags(self, repository: str, rest: str, query: dict[str, list[str]], body: bytes) -> None:
        if repository not in self.fake.manifests:
            self.error(404, "NAME_UNKNOWN")
            return
        names = sorted(name for name in self.fake.manifests[repository] if ":" not in name)
        after = query.get("last", [""])[0]
        rest_of = [name for name in names if name > after]
        page = rest_of[: self.fake.page]
        headers = {}
        if len(rest_of) > len(page):
            headers["Link"] = f'</v2/{repository}/tags/list?n={self.fake.page}&last={page[-1]}>; rel="next"'
        self.answer(200, json.dumps({"name": repository, "tags": page or None}).encode(), **headers)

    def list_referrers(self, repository: str, digest: str, query: dict[str, list[str]], body: bytes) -> None:
        self.error(404, "NOT_FOUND")
