"""A web server that sends parts of files as it should, or as a hostile or broken one would."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Manner = Literal[
    "right",
    "whole",
    "other part",
    "other size",
    "cut off",
    "more",
    "silent",
    "busy",
    "gone",
    "refused",
    "page",
    "encoded",
    "negative",
]


@dataclass
class RangeServer:
    """Files by path.

    Attributes:
        manners: how a path is answered; ``right`` where it is not told.
        requests: path, ``Range`` and ``user:password`` of each request.
        redirects: path to where it redirects.
        open: let go, the silent answers end.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    manners: dict[str, Manner] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    open: threading.Event = field(default_factory=threading.Event)
    url: str = ""


class _Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client may go before it has everything."""


@contextmanager
def running_ranges() -> Iterator[RangeServer]:
    """Serve until the block ends."""
    server = RangeServer()
    http_server = _Quiet(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{http_server.server_address[1]}"
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.open.set()
        http_server.shutdown()
        thread.join()
        http_server.server_close()


def _handler(server: RangeServer) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            login = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            asked = self.headers.get("Range", "")
            server.requests.append((self.path, asked, login))
            body, manner = server.files.get(self.path), server.manners.get(self.path, "right")
            status = {"busy": 503, "gone": 404, "refused": 403}.get(manner, 200 if body is not None else 404)
            if self.path in server.redirects:
                self._send(302, b"", {"Location": server.redirects[self.path]})
            elif status != 200 or body is None:
                self._send(status, b"", {})
            elif manner == "page":
                self._send(200, b"<html>Log in</html>", {})
            elif manner == "whole" or not asked:
                self._send(200, body, {})
            else:
                self._part(body, manner, *map(int, asked.removeprefix("bytes=").split("-")))

        def _part(self, body: bytes, manner: str, first: int, last: int) -> None:
            part = body[first : last + 1]
            if manner == "other part":
                first, last = first + 1, last + 1
            size = len(body) + (manner == "other size")
            told = {"Content-Range": f"bytes {first}-{last}/{size}"}
            if manner == "more":
                part += b"x" * 1_000_000
            if manner == "encoded":
                told["Content-Encoding"] = "gzip"
            if manner == "negative":
                self._send(206, b"-5\r\n", {**told, "Transfer-Encoding": "chunked"})
                self.close_connection = True
            elif manner in ("cut off", "silent"):
                self._send(206, part[: len(part) // 2], told, length=len(part))
                self.close_connection = True
                if manner == "silent":
                    server.open.wait()
            else:
                self._send(206, part, told)

        def _send(
            self, status: int, body: bytes, headers: dict[str, str], *, length: int | None = None
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    return Handler
