"""Connections as the machine is set up: proxies, certificates, time limits; and what went wrong with one."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envcatalog.model.errors import UserError

if TYPE_CHECKING:
    from urllib3 import PoolManager

CONNECT_SECONDS = 15.0
READ_SECONDS = 60.0
CONNECTIONS = 8
BLOCK = 1 << 18
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def make_pool(proxy: str) -> PoolManager:
    """Connections, through `proxy` unless it is empty; certificates as the environment says."""
    import urllib3

    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    if bundle and not os.path.exists(bundle):  # noqa: PTH110
        raise UserError(
            f"the certificate bundle `{bundle}` is missing", "mend `REQUESTS_CA_BUNDLE` or `SSL_CERT_FILE`"
        )
    options = {
        "maxsize": CONNECTIONS,
        "retries": False,
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        "blocksize": BLOCK,
    }
    if bundle:
        options["ca_cert_dir" if os.path.isdir(bundle) else "ca_certs"] = bundle  # noqa: PTH112
    if not proxy:
        return urllib3.PoolManager(**options)  # type: ignore[arg-type]
    secret = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=secret) if secret else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **options)  # type: ignore[arg-type]


def proxy_for(url: str) -> str:
    """The proxy that the environment names for this address; empty for none, and always for loopback."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if is_loopback(parts.netloc) or proxy_bypass(parts.netloc):
        return ""
    proxy = getproxies().get(parts.scheme, "")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def is_loopback(host: str) -> bool:
    """Whether ``HOST[:PORT]`` is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    return name in LOOPBACK or (name.startswith("127.") and name.replace(".", "").isdigit())


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: the unit that a secret belongs to."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port


class Broken(Exception):
    """A connection failed; the message says how, for people.

    Attributes:
        final: trying again would fail the same way.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


def broken(error: BaseException) -> Broken:
    """What went wrong with a connection, in words that can hold no secret."""
    import ssl

    from urllib3.exceptions import NameResolutionError, ProxyError, TimeoutError

    chain = list(_chain(error))
    where = "the proxy: " if any(isinstance(item, ProxyError) for item in chain) else ""
    for item in chain:
        if isinstance(item, ssl.SSLCertVerificationError):
            return Broken(f"{where}its certificate is not trusted ({item.verify_message})", final=True)
        if isinstance(item, ssl.SSLError) and not isinstance(item, ssl.SSLEOFError):
            said = (item.reason or "unknown").lower().replace("_", " ")
            return Broken(f"{where}the TLS handshake failed ({said})", final=True)
        if isinstance(item, NameResolutionError):
            return Broken(f"{where}its name is not known")
        if isinstance(item, OSError) and item.strerror:
            return Broken(where + item.strerror.lower())
    if any(isinstance(item, (TimeoutError, builtins.TimeoutError)) for item in chain):
        return Broken(f"{where}it did not answer in time")
    return Broken(f"{where}the connection broke off")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it; urllib3 keeps causes in several places."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, BaseException) and item not in seen:
            seen.append(item)
            yield item
            waiting += [getattr(item, "reason", None), item.__cause__, item.__context__, *item.args]
