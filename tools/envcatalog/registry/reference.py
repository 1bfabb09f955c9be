"""The grammar of registry addresses and image references.

Source: OCI distribution specification 1.1, "Pulling manifests" (``<name>``, ``<reference>``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from envcatalog.model.digest import DIGEST
from envcatalog.model.errors import UserError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?\Z")
PATH_MAX = 255
LAYOUT_PREFIX = "oci:"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReference:
    """``oci:DIR:REF``: an image in a layout folder; `ref` is ``name:tag`` for ours."""

    folder: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryReference:
    """``HOST/PATH:TAG``, ``HOST/PATH@sha256:...``, or both, where the digest counts."""

    host: str
    path: str
    reference: str


def parse_host(text: str, whole: str) -> str:
    """A host that is plainly one: with a dot, a port, or ``localhost``.

    Raises:
        UserError: it holds credentials, a scheme, or could be taken for a path.
    """
    if "@" in text:
        # The address itself is not repeated: it may hold a password.
        hint = "remove the part before `@`, and run `docker login` for that registry"
        raise UserError("a registry address must not hold a user name or password", hint)
    if HOST.match(text) is None or not _is_port(text):
        raise UserError(f"`{text}` in `{whole}` is not a host", "write `HOST[:PORT]/PATH`, without a scheme")
    if "." not in text and ":" not in text and text != "localhost":
        hint = f"write the whole reference, `HOST[:PORT]/{whole}`"
        raise UserError(f"`{whole}` names no registry host", hint)
    return text


def _is_port(host: str) -> bool:
    port = re.search(r":([0-9]+)\Z", host)
    return port is None or 0 < int(port[1]) < 65536


def check_path(path: str, whole: str) -> str:
    """A repository path.

    Raises:
        UserError: outside the grammar.
    """
    if PATH.match(path) is None or len(path) > PATH_MAX:
        hint = (
            "use lower-case letters, digits, single `.`, `_` or `-` between them, and `/` between the parts"
        )
        raise UserError(f"`{path}` in `{whole}` is not a repository path", hint)
    return path


def parse_image(text: str) -> RegistryReference | LayoutReference:
    """An image reference.

    Raises:
        UserError: outside the grammar; the hint gives the form.
    """
    if text.startswith(LAYOUT_PREFIX):
        return _parse_layout(text)
    _refuse_scheme(text)
    name, _, digest = text.partition("@sha256:")
    if "/" not in name:
        parse_host(name, text) if "@" in name else None
        raise UserError(
            f"`{text}` names no registry host", f"write the whole reference, `HOST[:PORT]/{text}`"
        )
    host, _, rest = name.partition("/")
    parse_host(host, text)
    path, _, tag = rest.partition(":")
    check_path(path, text)
    if digest and DIGEST.match("sha256:" + digest) is None:
        raise UserError(f"`{text}` has no valid digest", "a digest is `sha256:` and 64 hexadecimal digits")
    if tag and TAG.match(tag) is None:
        raise UserError(
            f"`{tag}` in `{text}` is not a tag", "a tag has at most 128 letters, digits, `_`, `.` or `-`"
        )
    if not tag and (not digest or ":" in rest):
        raise UserError(f"`{text}` names no tag and no digest", f"write `{host}/{path}:TAG`")
    return RegistryReference(host=host, path=path, reference="sha256:" + digest if digest else tag)


def _parse_layout(text: str) -> LayoutReference:
    folder, _, ref = text.removeprefix(LAYOUT_PREFIX).partition(":")
    if not folder or not ref:
        raise UserError(f"`{text}` names no image in an OCI layout", "write `oci:DIR:NAME:TAG`")
    return LayoutReference(folder=folder, ref=ref)


def _refuse_scheme(text: str) -> None:
    if "://" in text:
        raise UserError(
            "an address here has no scheme such as `https://`",
            "write `HOST[:PORT]/PATH`; http is spoken to loopback hosts, https to all others",
        )


def in_address(text: str) -> str:
    """A tag or digest that is safe in an address."""
    if ":" not in text and TAG.match(text) is None:
        raise UserError(f"`{text}` is not a tag", "a tag has at most 128 letters, digits, `_`, `.` or `-`")
    return quote(text, safe=":")
