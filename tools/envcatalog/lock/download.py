"""Fetch one URL: retries, credentials that stay with their host, and never a byte more than expected."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, TypeVar
from urllib.parse import urljoin

from envcatalog.lock.connections import Connections
from envcatalog.lock.urls import Origin, local_path, origin_of, redacted, without_credentials
from envcatalog.model.errors import UserError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

ATTEMPTS = 5
MAX_WAIT = 60.0  # seconds, whatever a server asks for
_T = TypeVar("_T")
_REDIRECTS = 5
_CHUNK = 256 * 1024
_PIECE = 64 * 1024
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_GONE = frozenset({404, 410})


class GoneError(Exception):
    """The place answers, and says that there is no such file."""


class DifferentError(Exception):
    """The bytes are not the expected ones; the text says in what."""


class WholeError(Exception):
    """The server answers with a whole file where a part of it was asked for.

    Args:
        size: of the file, as the server says; None where it does not.
    """

    def __init__(self, size: int | None) -> None:
        super().__init__("the server sends whole files only")
        self.size = size


class _AgainError(Exception):
    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Downloader:
    """HTTP(S) and ``file:`` downloads; safe for use by several threads.

    Args:
        credentials: user name and password by origin, used for that origin only.
        connections: how many a host may get at the same time.
        sleep: how to wait between two attempts, in seconds.
        timeout: seconds without a byte after which an attempt is over.
    """

    def __init__(
        self,
        credentials: Mapping[Origin, tuple[str, str]],
        *,
        connections: int = 4,
        sleep: Callable[[float], None] = time.sleep,
        timeout: float = 60.0,
    ) -> None:
        self._connections = Connections(credentials, connections)
        self._sleep = sleep
        self._timeout = timeout

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def fetch(
        self, url: str, out: IO[bytes], *, size: int, sha256: str, advance: Callable[[int], None]
    ) -> None:
        """Write the file's bytes to `out` and verify them.

        Raises:
            GoneError: there is no such file.
            DifferentError: other bytes than expected; `out` then holds some of them.
            UserError: the place cannot be reached.
        """

        def attempt() -> None:
            out.seek(0)
            out.truncate()
            with self._open(url) as chunks:
                _copy_verified(chunks, out, size, sha256, advance)

        self._with_retries(url, attempt)

    def measure(self, url: str) -> tuple[int, str]:
        """Size and sha256 of a file that an index tells too little about, read once and kept nowhere."""

        def attempt() -> tuple[int, str]:
            digest, size = hashlib.sha256(), 0
            with self._open(url) as chunks:
                for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
            return size, digest.hexdigest()

        return self._with_retries(url, attempt)

    def length(self, url: str) -> int:
        """The size by a HEAD request; 0 where the server does not tell."""

        def attempt() -> int:
            response = self._answer("HEAD", url)
            response.close()
            return _length(response) or 0

        return self._with_retries(url, attempt)

    def part(self, url: str, start: int, end: int, *, size: int) -> bytes:
        """The bytes from `start` to before `end` of an HTTP(S) file that has `size` bytes (RFC 9110, 14.2).

        They cannot be verified. Never more of them are read than were asked for.

        Raises:
            GoneError: there is no such file.
            DifferentError: it has another size, or the answer is another part.
            WholeError: the server sends whole files only; none of it was read.
            UserError: the place cannot be reached.
        """

        def attempt() -> bytes:
            response = self._answer("GET", url, {"Range": f"bytes={start}-{end - 1}"})
            try:
                if response.status == 200:
                    raise WholeError(_length(response))
                said = response.headers.get("Content-Range", "").strip()
                if said != f"bytes {start}-{end - 1}/{size}" or _is_encoded(response):
                    raise DifferentError("the server answers with another part, or of another file")
                return _exactly(response, end - start)
            finally:
                response.close()

        return self._with_retries(url, attempt)

    def _with_retries(self, url: str, attempt: Callable[[], _T]) -> _T:
        for number in range(ATTEMPTS):
            try:
                return attempt()
            except _AgainError as error:
                reason = str(error)
                if number + 1 < ATTEMPTS:
                    self._sleep(min(MAX_WAIT, error.wait if error.wait is not None else 0.3 * 2**number))
        raise UserError(f"`{redacted(url)}` cannot be read: {reason}", "check the network and try again")

    @contextmanager
    def _open(self, url: str) -> Iterator[Iterator[bytes]]:
        path = local_path(url)
        if path is not None:
            try:
                with path.open("rb") as source:
                    yield iter(lambda: source.read(_CHUNK), b"")
            except OSError:
                raise GoneError from None
            return
        response = self._answer("GET", url)
        try:
            yield _chunks(response, _CHUNK)
        finally:
            response.close()

    def _answer(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> BaseHTTPResponse:
        for _ in range(_REDIRECTS):
            response = self._request(method, url, headers or {})
            target = response.headers.get("Location", "")
            if response.status not in (301, 302, 303, 307, 308) or not target:
                return _checked(response, url, partial=bool(headers))
            response.close()
            moved = _moved(url, target)
            if moved is None:
                break
            url = moved
        raise UserError(f"`{redacted(url)}` redirects too often or to an address that is not HTTP")

    def _request(self, method: str, url: str, more: Mapping[str, str]) -> BaseHTTPResponse:
        from urllib3.exceptions import HTTPError

        headers = {"Accept-Encoding": "identity", **more, **self._connections.authorization(url)}
        try:
            return self._connections.pool(url).request(
                method,
                without_credentials(url),
                headers=headers,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=self._timeout,
            )
        except HTTPError as error:
            raise _AgainError(f"no connection ({type(error).__name__})") from None


def _moved(url: str, target: str) -> str | None:
    """Where a redirect leads to; None where that is no address, or none of HTTP: never to a local file."""
    try:
        moved = urljoin(url, target)
        scheme = origin_of(moved)[0]
    except ValueError:
        return None
    return moved if scheme in ("http", "https") else None


def _checked(response: BaseHTTPResponse, url: str, *, partial: bool) -> BaseHTTPResponse:
    if response.status == 200 or (partial and response.status == 206):
        return response
    response.close()
    if response.status in _GONE:
        raise GoneError
    if response.status in _AGAIN:
        asked = response.headers.get("Retry-After", "")
        raise _AgainError(f"HTTP status {response.status}", float(asked) if asked.isdecimal() else None)
    hint = "are there credentials for this host in the index' URL or in `~/.netrc`?"
    raise UserError(
        f"`{redacted(url)}` cannot be read: HTTP status {response.status}",
        hint if response.status in (401, 403) else "",
    )


def _length(response: BaseHTTPResponse) -> int | None:
    """The file's size, as the answer says; None where it says none."""
    text = response.headers.get("Content-Length", "")
    is_size = text.isascii() and text.isdigit() and len(text) < 20
    return int(text) if is_size and not _is_encoded(response) else None


def _is_encoded(response: BaseHTTPResponse) -> bool:
    return bool(response.headers.get("Content-Encoding", "identity").lower() != "identity")


def _chunks(response: BaseHTTPResponse, size: int) -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    try:
        yield from response.stream(size, decode_content=False)
    except (HTTPError, ValueError) as error:  # ValueError: a chunk of a negative length
        raise _AgainError(f"the connection broke ({type(error).__name__})") from None


def _exactly(response: BaseHTTPResponse, size: int) -> bytes:
    data = bytearray()
    for chunk in _chunks(response, _PIECE):
        data += chunk
        if len(data) > size:
            raise DifferentError("the server answers with more than was asked for")
    if len(data) < size:
        raise _AgainError("the answer is cut off")
    return bytes(data)


def _copy_verified(
    chunks: Iterator[bytes], out: IO[bytes], size: int, sha256: str, advance: Callable[[int], None]
) -> None:
    digest, done = hashlib.sha256(), 0
    try:
        for chunk in chunks:
            done += len(chunk)
            if done > size:
                raise DifferentError(f"it is larger than {size} bytes")
            digest.update(chunk)
            out.write(chunk)
            advance(len(chunk))
    except _AgainError:
        advance(-done)
        raise
    if done < size:
        raise DifferentError(f"it has {done} instead of {size} bytes")
    if digest.hexdigest() != sha256:
        raise DifferentError(f"its sha256 is `{digest.hexdigest()}` instead of `{sha256}`")
