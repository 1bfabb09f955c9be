"""The conda library's HTTP client, with the credentials of addresses kept out of the addresses.

The library writes addresses into its cache and its messages, so it is given those without user, password and token.
What was in them is added to a request on its way: a password as a header, a token by a mirror.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envcatalog.lock.conda.channels import public_address
from envcatalog.lock.urls import credentials_in, local_path, without_credentials

if TYPE_CHECKING:
    from rattler import Client

Headers = Callable[[str, str], dict[str, str] | None]


def client_for(addresses: Iterable[str]) -> Client:
    """A client for these addresses without their secrets; the ecosystem's own credentials count for all others."""
    import rattler
    from rattler import networking

    secret = [url for url in addresses if local_path(url) is None and public_address(url) != url]
    if not secret:
        return rattler.Client.default_client()
    tokens = {public_address(url): [without_credentials(url)] for url in secret}
    return rattler.Client(
        [
            networking.RetryMiddleware(),
            networking.MirrorMiddleware({url: to for url, to in tokens.items() if to != [url]}),
            networking.AuthenticationMiddleware(),
            networking.AddHeadersMiddleware(_headers(secret)),
            networking.OciMiddleware(),
            networking.GCSMiddleware(),
            networking.S3Middleware(),
        ]
    )


def _headers(addresses: Iterable[str]) -> Headers:
    from urllib3 import make_headers

    known: dict[tuple[str, str], Mapping[str, str]] = {}
    for url in addresses:
        for login in credentials_in([url]).values():
            parts = urlsplit(without_credentials(url))
            known[parts.hostname or "", parts.path] = make_headers(basic_auth=":".join(login))

    def headers(host: str, path: str) -> dict[str, str] | None:
        for (its_host, its_path), found in known.items():
            if host == its_host and (path == its_path or path.startswith(f"{its_path.rstrip('/')}/")):
                return {"Authorization": found["authorization"]}
        return None

    return headers
