"""Bounded downloads from Debian archives (``http``, ``https``, ``file``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from envcatalog.lock.connections import Pools
from envcatalog.lock.urls import Origin, local_path, origin_of, redacted, without_credentials
from envcatalog.model.errors import UserError

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
RETRIES = 4


class Downloads:
    """Connections that are kept open for one piece of work; safe for several threads.

    Args:
        credentials: user name and password by origin, sent to that origin only.
    """

    def __init__(self, credentials: Mapping[Origin, tuple[str, str]] | None = None) -> None:
        self._credentials = credentials or {}
        self._pools = Pools(_options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pools.close()

    def get(self, url: str, *, limit: int) -> bytes | None:
        """The bytes at `url`; None where there is nothing (404, 410, no such file).

        Raises:
            UserError: the archive cannot be reached, answers with an error, or sends over `limit` bytes.
        """
        path = local_path(url)
        if path is not None:
            return _local(path, limit)
        import urllib3

        try:
            response = self._pools.pool(url).request(
                "GET", without_credentials(url), preload_content=False, headers=self._headers(url)
            )
            try:
                if response.status in (404, 410):
                    return None
                if response.status != 200:
                    raise UserError(f"`{redacted(url)}` answers with HTTP status {response.status}")
                return _bounded(response.read(limit + 1), redacted(url), limit)
            finally:
                response.close()
                response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise UserError(
                f"`{redacted(url)}` cannot be fetched: {redacted(_reason(error))}",
                "check the network and the mirror, and try again",
            ) from None

    def _headers(self, url: str) -> dict[str, str]:
        """urllib3 itself drops the authorization when a redirect leads to another host."""
        from urllib3 import make_headers

        login = self._credentials.get(origin_of(url))
        return {
            "User-Agent": "envcatalog",
            "Accept-Encoding": "identity",
            **(make_headers(basic_auth=":".join(login)) if login else {}),
        }


def _options() -> Mapping[str, Any]:
    import urllib3

    return {
        "retries": urllib3.Retry(
            total=RETRIES,
            backoff_factor=0.2,
            status_forcelist=(429, 500, 502, 503, 504),
            raise_on_status=False,
        ),
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        "maxsize": 8,
    }


def _local(path: Path, limit: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return _bounded(file.read(limit + 1), str(path), limit)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"`{path}` cannot be read: {error.strerror}") from None


def _bounded(data: bytes, place: str, limit: int) -> bytes:
    if len(data) > limit:
        raise UserError(f"`{place}` is larger than the {limit} bytes it may have")
    return data


def _reason(error: Exception) -> str:
    """The innermost reason: urllib3 wraps it in names of pools and counts of retries."""
    reason = getattr(error, "reason", None)
    return _reason(reason) if isinstance(reason, Exception) else str(error).rpartition(": ")[2] or repr(error)
