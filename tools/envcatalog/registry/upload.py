"""One blob to a registry: POST for a place, one PUT with all the bytes. An upload that breaks starts over.

Source: OCI distribution specification 1.1, "Pushing a blob monolithically". Chunks by PATCH are not used:
some registries answer a chunk with a gap before it as if all were well.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from envcatalog.model.errors import UserError
from envcatalog.registry.client import Client
from envcatalog.registry.errors import refusal
from envcatalog.registry.retry import RETRY_STATUS, Retries
from envcatalog.registry.transport import Broken
from envcatalog.registry.wire import Body


def push_scopes(path: str, *others: str) -> frozenset[str]:
    """What a token must allow to write to `path` and to read `others`."""
    return frozenset([f"repository:{path}:pull,push", *(f"repository:{other}:pull" for other in others)])


def begin_upload(client: Client, path: str) -> str:
    """Ask for a place to upload to; its address."""
    answer = client.request(
        "POST",
        client.url(f"/v2/{path}/blobs/uploads/"),
        scopes=push_scopes(path),
        headers={"Content-Length": "0"},
    )
    location = answer.headers.get("location")
    if answer.status != 202 or not location:
        raise refusal(client, answer, "does not take an upload")
    return client.url(location, base=answer.url)


def upload_blob(client: Client, path: str, digest: str, source: Path | bytes, *, begun: str | None) -> None:
    """Upload.

    Args:
        begun: the address of an upload that was begun already, by a mount that the registry did not make.

    Raises:
        UserError: refused, or broken off too often.
    """
    retries = Retries(client.policy)
    location = begun
    while True:
        location = location or begin_upload(client, path)
        reason, after = _put(client, path, location, digest, source)
        if reason is None:
            return
        location = None
        if not retries.again(after):
            hint = "check the network, then run the command again; what was uploaded is kept"
            raise UserError(f"the upload of `{digest}` to `{client.host}` broke off: {reason}", hint)


def _put(
    client: Client, path: str, location: str, digest: str, source: Path | bytes
) -> tuple[str | None, str | None]:
    """Upload once: (None, ...) when done, else why to try again, and the registry's ``Retry-After``."""
    size = len(source) if isinstance(source, bytes) else _size(source)
    joint = "&" if "?" in location else "?"
    try:
        answer = client.request(
            "PUT",
            f"{location}{joint}digest={quote(digest, safe='')}",
            scopes=push_scopes(path),
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)},
            body=_body(source),
            retry=False,
        )
    except Broken as error:
        return str(error), None
    if answer.status in (201, 204):
        stored = answer.headers.get("docker-content-digest", digest)
        if stored != digest:
            raise UserError(f"`{client.host}` stored `{digest}` as `{stored}`", "do not trust this registry")
        return None, None
    # 404: the place is forgotten, for example after a restart of the registry.
    if answer.status in RETRY_STATUS or answer.status == 404:
        return f"status {answer.status}", answer.headers.get("retry-after")
    raise refusal(client, answer, f"does not take blob `{digest}`")


def _size(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError:
        raise UserError(f"`{source}` is gone, so it cannot be published", "run the command again") from None


def _body(source: Path | bytes) -> Body:
    return source if isinstance(source, bytes) else lambda: source.open("rb")
