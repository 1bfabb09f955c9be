"""A package index made in the test: real wheels, served over HTTP on the loopback address."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ANY = "py3-none-any"
AMD = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"
ARM = "cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64"
EPOCH = (1980, 1, 1, 0, 0, 0)


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    tag: str = ANY,
    requires_python: str = "",
    content: str = "",
    says: Iterable[str] = (),
) -> Path:
    """A small, valid wheel; the same arguments give the same bytes. `says` are further lines of its metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    metadata += [f"Requires-Dist: {requirement}\n" for requirement in requires]
    metadata += [f"Requires-Python: {requires_python}\n"] if requires_python else []
    metadata += [f"{line}\n" for line in says]
    info = f"{module}-{version}.dist-info"
    tags = "".join(
        f"Tag: {tag.rsplit('-', 1)[0]}-{platform}\n" for platform in tag.rsplit("-", 1)[1].split(".")
    )
    files = {
        f"{module}/__init__.py": content or f"version = {version!r}\n",
        f"{info}/METADATA": "".join(metadata),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n{tags}",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member, EPOCH), text)
    return path


@dataclass
class Server:
    """An HTTP server over a folder of folders: ``/INDEX/simple/PROJECT/`` and ``/INDEX/files/FILE``.

    Attributes:
        requests: method and path of each request, with the credentials that came along, ``user:password``.
        failures: path to the (status, headers) answered next, one after another.
        logins: index to the ``user:password`` it asks for.
        redirects: path to where it redirects.
        truncated: paths whose answer breaks off half-way the first time.
        hashes: whether pages tell the files' sha256.
        ranges: whether parts of files are sent (RFC 9110, 14.2), as package indexes do.
        parts: path and ``Range`` of each request for a part.
    """

    root: Path
    url: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    failures: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    logins: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    truncated: set[str] = field(default_factory=set)
    hashes: bool = True
    ranges: bool = True
    parts: list[tuple[str, str]] = field(default_factory=list)

    def index(self, name: str = "main") -> str:
        """The URL of one index."""
        return f"{self.url}/{name}/simple/"

    def add(
        self,
        name: str,
        version: str,
        *,
        index: str = "main",
        tag: str = ANY,
        requires: Iterable[str] = (),
        requires_python: str = "",
        content: str = "",
        says: Iterable[str] = (),
    ) -> Path:
        """Put a wheel into an index."""
        return write_wheel(
            self.root / index / "files",
            name,
            version,
            requires=requires,
            tag=tag,
            requires_python=requires_python,
            content=content,
            says=says,
        )

    def paths(self, method: str = "GET") -> list[str]:
        """The paths asked for with one method."""
        return [path for verb, path, _ in self.requests if verb == method]


@contextmanager
def running_index(root: Path) -> Iterator[Server]:
    """Serve an empty wheelhouse at `root` until the block ends."""
    server = Server(root=root)
    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{http_server.server_address[1]}"
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http_server.shutdown()
        thread.join()
        http_server.server_close()


def page(files: Path, project: str, *, hashes: bool = True) -> bytes | None:
    """The PEP 503 page of one project; None where there is no file of it."""
    found = [
        path for path in sorted(files.glob("*"))
        if path.name.partition("-")[0].replace("_", "-").lower() == project
    ]  # fmt: skip
    marks = {path: f"#sha256={_sha256(path)}" if hashes else "" for path in found}
    links = [f'<a href="../../files/{path.name}{mark}">{path.name}</a>' for path, mark in marks.items()]
    return ("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>").encode() if links else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _handler(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Basic ")
            login = base64.b64decode(token).decode()
            server.requests.append((self.command, self.path, login))
            index = self.path.split("/")[1]
            if server.failures.get(self.path):
                status, headers = server.failures[self.path].pop(0)
                self._send(status, b"", headers)
            elif self.path in server.redirects:
                self._send(302, b"", {"Location": server.redirects[self.path]})
            elif server.logins.get(index, login) != login:
                self._send(401, b"", {"WWW-Authenticate": "Basic"})
            else:
                body = self._body()
                if "Range" in self.headers:
                    server.parts.append((self.path, self.headers["Range"]))
                if "Range" in self.headers and server.ranges and body is not None:
                    self._part(body)
                else:
                    self._send(404 if body is None else 200, body or b"", {})

        def _part(self, body: bytes) -> None:
            first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
            part = body[int(first) : int(last) + 1]
            self._send(206, part, {"Content-Range": f"bytes {first}-{last}/{len(body)}"})

        def _body(self) -> bytes | None:
            parts = self.path.strip("/").split("/")
            if len(parts) == 3 and parts[1] == "simple":
                return page(server.root / parts[0] / "files", parts[2], hashes=server.hashes)
            path = server.root / Path(*parts)
            return path.read_bytes() if path.is_file() else None

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if "/simple/" in self.path:
                self.send_header("Content-Type", "text/html")
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.path in server.truncated:
                server.truncated.discard(self.path)
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
            elif self.command == "GET":
                self.wfile.write(body)

    return Handler
