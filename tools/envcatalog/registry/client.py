"""Requests to one registry host: scheme, redirects, authorization, retries, size limits.

Secrets belong to one origin. They follow no redirect to another one, and go over plain http to loopback only,
unless the user said `insecure`. No message repeats a header, a query or an address that may hold a secret.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import urljoin

from envcatalog.model.errors import UserError
from envcatalog.registry.auth import Authorizer, TokenRequest
from envcatalog.registry.credentials import Credential, find_credential
from envcatalog.registry.media import MANIFEST_LIMIT
from envcatalog.registry.retry import RETRY_STATUS, Retries, RetryPolicy
from envcatalog.registry.transport import Broken, is_loopback, origin
from envcatalog.registry.wire import BlobStream, Body, Response, Wire

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

REDIRECTS = 5
REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
# The one registry whose name in references is not where it answers (Docker's "distribution/reference").
ADDRESSES = {"docker.io": "registry-1.docker.io"}
NOTHING: Mapping[str, str] = {}


class Client:
    """Requests to one host. Threads may share it.

    Args:
        host: ``HOST[:PORT]``; loopback hosts speak http, others https unless `insecure`.
        credential: how to find the host's credential.
    """

    def __init__(
        self,
        host: str,
        *,
        insecure: bool = False,
        policy: RetryPolicy | None = None,
        credential: Callable[[str], Credential | None] = find_credential,
    ) -> None:
        self.host = host
        self.policy = policy or RetryPolicy()
        address = ADDRESSES.get(host, host)
        self._wire = Wire(address, insecure=insecure)
        self._base = f"{'http' if insecure or is_loopback(host) else 'https'}://{address}"
        self._authorizer = Authorizer(
            host, credential=lambda: credential(host), fetch=self._fetch_token, may_send=self._wire.may_send
        )

    @property
    def requests(self) -> Counter[str]:
        """Sent so far, by method; those for tokens among them."""
        return self._wire.requests

    def url(self, path: str, *, base: str | None = None) -> str:
        """An absolute address of a path, or of a ``Location`` relative to `base`."""
        return urljoin(base or self._base, path)

    def request(
        self,
        method: str,
        url: str,
        *,
        scopes: frozenset[str] = frozenset(),
        headers: Mapping[str, str] = NOTHING,
        body: Body | None = None,
        limit: int = MANIFEST_LIMIT,
        retry: bool = True,
        follow: bool = True,
    ) -> Response:
        """Send, and read the answer whole.

        Args:
            limit: of the answer, in bytes.
            retry: False where the caller starts over by itself; then `Broken` is raised.

        Raises:
            UserError: unreachable, refused, or the answer is too large.
        """
        retries = Retries(self.policy)
        while True:
            try:
                with self._answer(method, url, scopes, headers, body, follow=follow) as (answer, final):
                    response = self._wire.read(answer, final, limit)
            except Broken as error:
                if not retry:
                    raise
                if not error.final and retries.again():
                    continue
                raise UserError(f"`{self.host}` cannot be reached: {error}", self._hint()) from None
            if (
                retry
                and response.status in RETRY_STATUS
                and retries.again(response.headers.get("retry-after"))
            ):
                continue
            return response

    @contextlib.contextmanager
    def stream(self, url: str, *, scopes: frozenset[str]) -> Iterator[BinaryIO]:
        """A stream over the answer to GET, not verified; a failure at the start is tried again.

        Raises:
            UserError: the registry does not give it.
        """
        retries = Retries(self.policy)
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    answer, _ = stack.enter_context(
                        self._answer("GET", url, scopes, NOTHING, None, follow=True)
                    )
                    if answer.status == 200:
                        break
                    reason, after = f"status {answer.status}", answer.headers.get("Retry-After")
                    final = answer.status not in RETRY_STATUS
                except Broken as error:
                    reason, after, final = str(error), None, error.final
                if final or not retries.again(after):
                    raise UserError(f"`{self.host}` does not give a blob: {reason}", self._hint())
            with BlobStream(answer, self.host) as stream:
                yield cast(BinaryIO, stream)

    def redact(self, text: str) -> str:
        """The text without any secret of this host."""
        return self._authorizer.redact(text)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    @contextlib.contextmanager
    def _answer(
        self,
        method: str,
        url: str,
        scopes: frozenset[str],
        headers: Mapping[str, str],
        body: Body | None,
        *,
        follow: bool,
    ) -> Iterator[tuple[BaseHTTPResponse, str]]:
        """Send with authorization, after a 401 once more, and follow redirects."""
        secret = self._authorizer.header(scopes) if self._is_ours(url) else None
        asked = False
        hops = 0
        while True:
            sent = dict(headers) | ({"Authorization": secret} if secret and self._is_ours(url) else {})
            answer = self._wire.send(method, url, sent, body)
            try:
                if answer.status == 401 and self._is_ours(url):
                    if asked:
                        raise self._authorizer.denied()
                    asked = True
                    self._wire.read(answer, url, MANIFEST_LIMIT)
                    secret = self._authorizer.refused(scopes, answer.headers.get("WWW-Authenticate"), secret)
                    if secret is None:
                        raise self._authorizer.denied()
                    continue
                location = answer.headers.get("Location")
                if follow and method in ("GET", "HEAD") and answer.status in REDIRECT_STATUS and location:
                    hops += 1
                    if hops > REDIRECTS:
                        raise UserError(f"`{self.host}` redirects more than {REDIRECTS} times")
                    self._wire.read(answer, url, MANIFEST_LIMIT)
                    url = urljoin(url, location)
                    continue
                yield answer, url
                return
            finally:
                answer.close()  # a connection whose answer was read whole is back in the pool already

    def _fetch_token(self, wanted: TokenRequest) -> tuple[int, bytes]:
        headers = {"Authorization": wanted.authorization} if wanted.authorization else {}
        method = "GET"
        if wanted.body is not None:
            method, headers["Content-Type"] = "POST", "application/x-www-form-urlencoded"
        retries = Retries(self.policy)
        while True:
            try:
                answer = self._wire.send(method, wanted.url, headers, wanted.body)
                try:
                    response = self._wire.read(answer, wanted.url, MANIFEST_LIMIT)
                finally:
                    answer.close()
            except Broken as error:
                if not error.final and retries.again():
                    continue
                message = f"the token service of `{self.host}` cannot be reached: {error}"
                raise UserError(message, self._hint()) from None
            if response.status in RETRY_STATUS and retries.again(response.headers.get("retry-after")):
                continue
            return response.status, response.data

    def _is_ours(self, url: str) -> bool:
        return origin(url) == origin(self._base)

    def _hint(self) -> str:
        return "check the address and the network, then run the command again; what was uploaded is kept"
