"""What a registry's refusals mean.

Source: OCI distribution specification 1.1, "Error Codes".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from envcatalog.model.digest import DIGEST
from envcatalog.model.errors import UserError
from envcatalog.registry.media import read_object

if TYPE_CHECKING:
    from envcatalog.registry.client import Client
    from envcatalog.registry.wire import Response

_CODE = re.compile(r"[A-Z_]{1,64}\Z")
_UNKNOWN = frozenset({"BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"})
# A registry that reads a blob's link while another push writes it takes what it finds for a malformed digest.
_BESIDE_UNKNOWN = frozenset({"DIGEST_INVALID"})
_TEXT_LIMIT = 200


class BlobUnknown(UserError):
    """A manifest was refused since the registry lacks a part of it, whatever it said of the blobs before.

    Attributes:
        digests: those that the registry named; may be empty.
        passing: the registry met another push that was writing the same part; to ask again is enough.
    """

    def __init__(self, message: str, hint: str, digests: frozenset[str], *, passing: bool) -> None:
        super().__init__(message, hint)
        self.digests = digests
        self.passing = passing


def refusal(client: Client, response: Response, what: str) -> UserError:
    """The error for an answer that is not a success.

    Args:
        what: the thing that was asked for, after ``does not take`` or ``does not give``.
    """
    errors = _errors(response.data)
    codes = [error["code"] for error in errors]
    told = "; ".join(dict.fromkeys(_text(error) for error in errors)) or f"status {response.status}"
    message = client.redact(f"`{client.host}` {what}: {told}")
    named = _UNKNOWN.intersection(codes)
    if response.status in (400, 404) and named and set(codes) <= _UNKNOWN | _BESIDE_UNKNOWN:
        digests = frozenset(DIGEST_IN.findall(response.data.decode(errors="replace")))
        passing = not _BESIDE_UNKNOWN.isdisjoint(codes)
        return BlobUnknown(message, "run the command again", digests, passing=passing)
    return UserError(message, _hint(response.status, codes, client.host))


DIGEST_IN = re.compile(DIGEST.pattern.removesuffix(r"\Z"))


def _errors(data: bytes) -> list[dict[str, Any]]:
    listed = (read_object(data) or {}).get("errors")
    if not isinstance(listed, list):
        return []
    errors = [error for error in listed if isinstance(error, dict)]
    return [error for error in errors if isinstance(error.get("code"), str) and _CODE.match(error["code"])]


def _text(error: dict[str, Any]) -> str:
    message = error.get("message")
    words = "".join(c for c in message if c.isprintable())[:_TEXT_LIMIT] if isinstance(message, str) else ""
    return f"{words} ({error['code']})" if words else str(error["code"])


def _hint(status: int, codes: list[str], host: str) -> str:
    if status == 403 or "DENIED" in codes:
        return f"ask for the right to push there, or run `docker login {host}` as somebody who has it"
    if status == 405:
        return "this registry is read-only; choose another one with `--registry`"
    if "DIGEST_INVALID" in codes:
        return "the bytes changed on the way or in the cache; run the command again with another cache folder"
    if status == 429:
        return "the registry limits requests; run the command again later"
    return "run the command again; what was uploaded is kept"
