"""Downloads through the machine's proxy, whose password is the proxy's alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from envcatalog.lock.debian.http import Downloads
from envcatalog.lock.download import Downloader
from envcatalog.lock.urls import credentials_in

URL = "http://files.example.com/x"


@dataclass
class Proxy:
    """Answers for every host; what it was asked for, and the headers about passwords."""

    port: int = 0
    asked: list[tuple[str, str, str]] = field(default_factory=list)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    found = Proxy()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            names = ("Proxy-Authorization", "Authorization")
            found.asked.append((self.path, *(self.headers.get(name, "") for name in names)))  # type: ignore[arg-type]
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Range", "bytes 0-3/4")
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"data")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("http://ann:p%40ss@127.0.0.1:{}", "Basic YW5uOnBAc3M="),
        ("http://127.0.0.1:{}/", ""),
        ("127.0.0.1:{}", ""),
    ],
)
def test_a_proxy_gets_its_own_password_and_the_server_its_own(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, written: str, sent: str
) -> None:
    monkeypatch.setenv("http_proxy", written.format(proxy.port))
    logins = credentials_in(["http://bob:s3cret@files.example.com/"])
    downloader = Downloader(logins)
    assert downloader.part(URL, 0, 4, size=4) == b"data"
    downloader.close()
    with Downloads(logins) as downloads:
        assert downloads.get(URL, limit=100) == b"data"
    assert proxy.asked == [(URL, sent, "Basic Ym9iOnMzY3JldA==")] * 2
