"""A proxy on loopback that counts: what a program downloads, whatever library it does it with."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator

_BLOCK = 1 << 16


class CountingProxy:
    """Takes CONNECT, tunnels, and counts the bytes that come from outside; TLS and its overhead are part of them."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self.received = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        """For ``HTTPS_PROXY``."""
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def variables(self) -> dict[str, str]:
        """What a program is told by its environment."""
        proxy = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), self.url)
        return {**proxy, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(_BLOCK)
                if not data:
                    return
                head += data
            line, _, rest = head.partition(b"\r\n")
            method, target, _ = line.decode("ascii", "replace").split(" ", 2)
            plain = method != "CONNECT"
            # A plain request is passed on as it is: its address is absolute, which every server must take.
            place = target.partition("://")[2].partition("/")[0] if plain else target
            host, _, port = place.partition(":")
            with socket.create_connection((host, int(port or 80)), timeout=60) as server:
                if plain:
                    server.sendall(line + b"\r\n" + rest)
                else:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._tunnel(client, server)

    def _tunnel(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as both:
            both.register(client, selectors.EVENT_READ, server)
            both.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in both.select():
                    source: socket.socket = key.fileobj  # type: ignore[assignment]
                    try:
                        data = source.recv(_BLOCK)
                        key.data.sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
                    if source is server:
                        with self._lock:
                            self.received += len(data)


@contextlib.contextmanager
def counting_proxy() -> Iterator[CountingProxy]:
    """For the time of a measurement."""
    proxy = CountingProxy()
    try:
        yield proxy
    finally:
        proxy.close()
