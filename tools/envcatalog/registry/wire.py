"""One request over one connection, without authorization or second tries: where secrets may go, and size limits."""

from __future__ import annotations

import contextlib
import io
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from envcatalog import __version__
from envcatalog.model.errors import UserError
from envcatalog.registry.transport import broken, is_loopback, make_pool, proxy_for

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from urllib3 import PoolManager
    from urllib3.response import BaseHTTPResponse

Body = bytes | Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer, read whole. Header names in lower case."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    url: str


class Wire:
    """Sends requests for `host`, to wherever it points. Threads may share it.

    Args:
        insecure: plain http may be spoken to hosts that are not loopback ones.
    """

    def __init__(self, host: str, *, insecure: bool) -> None:
        self.requests: Counter[str] = Counter()
        self._host = host
        self._insecure = insecure
        self._pools: dict[str, PoolManager] = {}
        self._lock = threading.Lock()

    def may_send(self, url: str) -> bool:
        """Whether the address is https, or plain http that is allowed."""
        parts = urlsplit(url)
        if parts.scheme == "https":
            return True
        return parts.scheme == "http" and (self._insecure or is_loopback(parts.netloc))

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> BaseHTTPResponse:
        """Send once; the answer is not read, and must be closed.

        Raises:
            Broken: the connection failed.
            UserError: the address is plain http and not allowed.
        """
        import http.client

        from urllib3.exceptions import HTTPError

        if not self.may_send(url):
            host = urlsplit(url).hostname
            message = f"`{self._host}` points to `{host}` over plain http, which is not followed"
            raise UserError(message, "ask the registry's operator to use https throughout")
        with self._lock:
            self.requests[method] += 1
        told = {"User-Agent": f"envcatalog/{__version__}", **headers}
        options = {"redirect": False, "preload_content": False, "decode_content": False}
        try:
            with contextlib.ExitStack() as stack:
                sent = stack.enter_context(body()) if callable(body) else body
                return self._pool(url).urlopen(method, url, body=sent, headers=told, **options)
        except (HTTPError, http.client.HTTPException, OSError) as error:
            raise broken(error) from None

    def read(self, answer: BaseHTTPResponse, url: str, limit: int) -> Response:
        """The whole answer of at most `limit` bytes.

        Raises:
            Broken: the connection failed.
            UserError: the answer is larger.
        """
        from urllib3.exceptions import HTTPError

        try:
            data = answer.read(limit + 1)
        except (HTTPError, OSError) as error:
            raise broken(error) from None
        if len(data) > limit:
            size = f"{limit >> 20} MiB"
            raise UserError(f"`{self._host}` gives an answer of more than {size}, which is not read")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status, headers=headers, data=data, url=url)

    def close(self) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            pool.clear()

    def _pool(self, url: str) -> PoolManager:
        proxy = proxy_for(url)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = make_pool(proxy)
            return self._pools[proxy]


class BrokenOff(UserError):
    """A blob's stream ended before its end; reading it again may work."""


class BlobStream(io.RawIOBase):
    """A blob's bytes as they come; failures are `BrokenOff`."""

    def __init__(self, answer: BaseHTTPResponse, host: str) -> None:
        super().__init__()
        self._answer = answer
        self._host = host

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """As of any raw stream; 0 at the end."""
        from urllib3.exceptions import HTTPError

        view = memoryview(buffer).cast("B")
        try:
            data = self._answer.read(len(view))
        except (HTTPError, OSError) as error:
            message = f"the download of a blob from `{self._host}` broke off: {broken(error)}"
            raise BrokenOff(message, "check the network, then run the command again") from None
        view[: len(data)] = data
        return len(data)
