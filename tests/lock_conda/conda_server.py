"""A conda channel over HTTP that remembers who asked for what with which credentials."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class ChannelServer:
    """Serves a folder.

    Attributes:
        login: the ``user:password`` that it asks for; empty for none.
        requests: path and ``user:password`` of each request.
        redirects: path to where it redirects.
        replaced: path to bytes that are sent instead of the file.
        broken: path to how often the connection ends after some bytes.
    """

    folder: Path
    url: str = ""
    login: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, bytes] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)

    @property
    def port(self) -> str:
        """It listens on the loopback address."""
        return self.url.rpartition(":")[2]


class _Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client may go before it has everything."""


@contextmanager
def running_channel(folder: Path) -> Iterator[ChannelServer]:
    """Serve until the block ends."""
    server = ChannelServer(folder=folder)
    http_server = _Quiet(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{http_server.server_address[1]}"
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http_server.shutdown()
        thread.join()
        http_server.server_close()


def _handler(server: ChannelServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            login = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            server.requests.append((self.path, login))
            path = server.folder / self.path.lstrip("/").partition("?")[0]
            if server.login and login != server.login:
                self._send(401, b"")
            elif self.path in server.redirects:
                self._send(302, b"", server.redirects[self.path])
            elif self.path in server.replaced:
                self._send(200, server.replaced[self.path])
            elif path.is_file():
                self._send(200, path.read_bytes())
            else:
                self._send(404, b"")

        def log_message(self, *_: object) -> None:
            pass

        def _send(self, status: int, data: bytes, location: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            if server.broken.get(self.path, 0) > 0:
                server.broken[self.path] -= 1
                data = data[: len(data) // 2]
            if self.command == "GET":
                self.wfile.write(data)

    return Handler
