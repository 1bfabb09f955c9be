"""What goes into the ``Authorization`` header: nothing until the registry asks, then Basic or a token.

Source: RFC 9110, "Challenge and Response"; Docker Registry v2 token authentication.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from envcatalog.model.errors import UserError
from envcatalog.registry.credentials import Credential
from envcatalog.registry.media import read_object

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))\s*(?:,|\Z)')
_SCHEME = re.compile(rf"\s*({_WORD})(?:\s+|\Z)")
_SENDABLE = re.compile(r"[\x21-\x7e]+\Z")
TOKEN_SECONDS = 60.0
"""How long a token is good for when its answer does not say (the specification's default)."""
MARGIN_SECONDS = 10.0
CLIENT = "envcatalog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One ``WWW-Authenticate`` challenge, with parameter names in lower case."""

    scheme: Literal["basic", "bearer"]
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A request to a token realm; `body` is a form for POST, None for GET."""

    url: str
    body: bytes | None
    authorization: str | None


def parse_challenge(value: str) -> Challenge | None:
    """The challenge, or None when it is not exactly a Basic or Bearer one."""
    start = _SCHEME.match(value)
    scheme = start[1].lower() if start else ""
    if start is None or scheme not in ("basic", "bearer"):
        return None
    position, parameters = start.end(), {}
    while position < len(value):
        found = _PARAMETER.match(value, position)
        if found is None or found[1].lower() in parameters:
            return None
        text = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
        parameters[found[1].lower()] = text
        position = found.end()
    return Challenge(scheme="basic" if scheme == "basic" else "bearer", parameters=parameters)


class Authorizer:
    """The authorization of one registry host; tokens are kept for each set of scopes.

    Args:
        credential: asked once, and only after the registry has refused a request without one.
        fetch: sends a token request and returns the status and the answer's bytes.
        may_send: whether secrets may go to this address (https, or plain http that is allowed).
    """

    def __init__(
        self,
        host: str,
        *,
        credential: Callable[[], Credential | None],
        fetch: Callable[[TokenRequest], tuple[int, bytes]],
        may_send: Callable[[str], bool],
    ) -> None:
        self._host = host
        self._ask = credential
        self._fetch = fetch
        self._may_send = may_send
        self._lock = threading.RLock()
        self._credential: Credential | None = None
        self._asked = False
        self._basic: str | None = None
        self._bearer: Challenge | None = None
        self._tokens: dict[frozenset[str], tuple[str, float]] = {}

    def header(self, scopes: frozenset[str]) -> str | None:
        """What is known to be wanted for these scopes; None before the first challenge."""
        with self._lock:
            if self._bearer is None:
                return self._basic
            held = self._held(scopes)
            return held if held is not None else self._token(self._bearer, scopes)

    def refused(self, scopes: frozenset[str], challenge: str | None, used: str | None) -> str | None:
        """After a 401: another header to try once, or None when there is nothing else to send.

        Raises:
            UserError: the challenge cannot be met safely, or the token realm refuses.
        """
        parsed = parse_challenge(challenge) if challenge else None
        if parsed is None:
            return None
        with self._lock:
            if parsed.scheme == "basic":
                self._basic, self._bearer = self._basic_header(), None
                return self._basic if self._basic != used else None
            self._bearer = parsed
            held = self._held(scopes)
            if held is not None and held != used:
                return held  # another thread was here first
            self._tokens = {key: value for key, value in self._tokens.items() if value[0] != used}
            return self._token(parsed, scopes)

    def denied(self) -> UserError:
        """The error for a registry that will not let us in; says nothing of the credential itself."""
        host = self._host
        if self._credential is not None:
            return UserError(
                f"`{host}` refuses the credentials it was given", f"run `docker login {host}` again"
            )
        return UserError(f"`{host}` asks for credentials, and there are none", f"run `docker login {host}`")

    def redact(self, text: str) -> str:
        """The text without any secret of this host, should the registry repeat one."""
        found = self._credential or Credential()
        secrets = [found.password, found.identity_token, found.registry_token]
        secrets += [header.partition(" ")[2] for header, _ in self._tokens.values()]
        secrets += [(self._basic_header() or "").partition(" ")[2]] if self._credential else []
        for secret in filter(None, secrets):
            text = text.replace(secret, "***")
        return text

    def _held(self, scopes: frozenset[str]) -> str | None:
        now = time.monotonic()
        for key, (token, end) in self._tokens.items():
            if _covers(key, scopes) and now < end:
                return token
        return None

    def _found(self) -> Credential | None:
        if not self._asked:
            self._credential, self._asked = self._ask(), True
        return self._credential

    def _basic_header(self) -> str | None:
        found = self._found()
        if found is None or not (found.username or found.password):
            return None
        return "Basic " + base64.b64encode(f"{found.username}:{found.password}".encode()).decode()

    def _token(self, challenge: Challenge, scopes: frozenset[str]) -> str:
        found = self._found()
        if found is not None and found.registry_token:
            return "Bearer " + found.registry_token
        realm = challenge.parameters.get("realm", "")
        if not realm.startswith(("https://", "http://")) or not self._may_send(realm):
            message = f"`{self._host}` asks for a token from an address that is not https"
            raise UserError(message, "ask the registry's operator to use https for its token service")
        status, data = self._fetch(self._request(realm, challenge, scopes, found))
        if status != 200:
            raise self.denied()
        answer = read_object(data) or {}
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or _SENDABLE.match(token) is None:
            raise UserError(f"the token service of `{self._host}` gave no token")
        seconds = answer.get("expires_in")
        life = float(seconds) if isinstance(seconds, int) and seconds > 0 else TOKEN_SECONDS
        header = "Bearer " + token
        self._tokens[scopes] = (header, time.monotonic() + life - min(MARGIN_SECONDS, life / 2))
        return header

    def _request(
        self, realm: str, challenge: Challenge, scopes: frozenset[str], found: Credential | None
    ) -> TokenRequest:
        wanted = [("scope", scope) for scope in sorted(scopes)]
        service = challenge.parameters.get("service")
        asked = ([("service", service)] if service else []) + wanted
        if found is not None and found.identity_token:
            # This form takes all scopes in one field, unlike the query below.
            form = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": found.identity_token}
            form |= {"service": service or "", "scope": " ".join(sorted(scopes))}
            return TokenRequest(url=realm, body=urlencode(form).encode(), authorization=None)
        query = urlencode(asked)
        joint = "&" if "?" in realm else "?"
        url = realm + joint + query if query else realm
        return TokenRequest(url=url, body=None, authorization=self._basic_header())


def _covers(held: frozenset[str], wanted: frozenset[str]) -> bool:
    """Whether a token for `held` does for `wanted`; one that may push may also pull."""
    return all(scope in held or f"{scope},push" in held for scope in wanted)
