"""Connections by proxy, and whose password goes where: to the host, or the proxy, that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from envcatalog.lock.urls import Origin, credentials_in, origin_of, without_credentials

if TYPE_CHECKING:
    from urllib3 import PoolManager


class Pools:
    """Pools of connections, one for each proxy; safe for use by several threads.

    Args:
        options: urllib3's for a pool; asked for with the first, since the library is imported late.
    """

    def __init__(self, options: Callable[[], Mapping[str, Any]]) -> None:
        self._options = options
        self._pools: dict[str, PoolManager] = {}

    def close(self) -> None:
        """Close them."""
        for pool in self._pools.values():
            pool.clear()

    def pool(self, url: str) -> PoolManager:
        """The pool for a URL, through the proxy that the machine names for it."""
        proxy = proxy_for(url)
        if proxy not in self._pools:
            self._pools.setdefault(proxy, _make_pool(proxy, self._options()))
        return self._pools[proxy]


class Connections(Pools):
    """Pools, and the logins of those who are asked.

    Args:
        credentials: user name and password by origin, used for that origin only.
        size: how many a host may get at the same time.
    """

    def __init__(self, credentials: Mapping[Origin, tuple[str, str]], size: int) -> None:
        super().__init__(lambda: {"maxsize": size})
        self._credentials = credentials

    def authorization(self, url: str) -> dict[str, str]:
        """The header for a URL: by its own user name, the credentials, or ``~/.netrc``; empty for none."""
        from urllib3 import make_headers

        known = {**self._credentials, **credentials_in([url])}
        login = known.get(origin_of(url)) or _netrc_login(urlsplit(url).hostname or "")
        return make_headers(basic_auth=":".join(login)) if login else {}


def proxy_for(url: str) -> str:
    """The proxy that the machine names for a URL, credentials included; empty for none."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme, "")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _make_pool(proxy: str, options: Mapping[str, Any]) -> PoolManager:
    """Connections through a proxy, or straight where it is empty."""
    from urllib3 import PoolManager, ProxyManager, make_headers

    if not proxy:
        return PoolManager(**options)
    login = credentials_in([proxy]).get(origin_of(proxy))
    headers = make_headers(proxy_basic_auth=":".join(login)) if login else None
    return ProxyManager(without_credentials(proxy), proxy_headers=headers, **options)


def _netrc_login(host: str) -> tuple[str, str] | None:
    from netrc import NetrcParseError, netrc

    with suppress(OSError, NetrcParseError):
        found = netrc().authenticators(host)
        if found and found[2]:
            return found[0], found[2]
    return None
