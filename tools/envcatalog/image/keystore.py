"""The certificates that Java trusts, made from `ca-certificates` as the script of `ca-certificates-java` would.

Format: "JKS", version 2, as Java's own documentation of `sun.security.provider.JavaKeyStore` describes it: a
header, one entry for each certificate, and a SHA-1 over password and bytes, which only says that nothing is
damaged: the password is public. Java reads it whatever its default type is (`keystore.type.compat`).
"""

from __future__ import annotations

import hashlib
import struct
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping

from envcatalog.image.tar import MTIME
from envcatalog.model.errors import Refusal

KEYSTORE = "etc/ssl/certs/java/cacerts"
PASSWORD = "changeit"  # noqa: S105 - Java's documented default; the file holds public certificates only

_MAGIC = 0xFEEDFEED
_VERSION = 2
_TRUSTED = 2
_WHITENER = b"Mighty Aphrodite"
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def keystore(certificates: Mapping[str, bytes]) -> bytes:
    """A key store of trusted certificates.

    Args:
        certificates: file name (``ISRG_Root_X1.crt``) to its PEM text.

    Raises:
        Refusal: a text holds no certificate.
    """
    entries = sorted((_alias(name), _certificate(name, text)) for name, text in certificates.items())
    out = bytearray(struct.pack(">III", _MAGIC, _VERSION, len(entries)))
    for alias, data in entries:
        out += struct.pack(">I", _TRUSTED) + _utf(alias) + struct.pack(">q", MTIME * 1000)
        out += _utf("X.509") + struct.pack(">I", len(data)) + data
    return bytes(out) + hashlib.sha1(PASSWORD.encode("utf-16-be") + _WHITENER + out).digest()  # noqa: S324


def _alias(name: str) -> str:
    """As the script names it; Java compares aliases in lower case."""
    return f"debian:{name.removesuffix('.crt').lower()}.pem"


def _certificate(name: str, text: bytes) -> bytes:
    _, begin, rest = text.partition(_BEGIN)
    body, end, _ = rest.partition(_END)
    try:
        data = b64decode(b"".join(body.split()), validate=True)
    except Error:
        data = b""
    if not (begin and end and data):
        raise Refusal(f"`{name}` of the Debian package `ca-certificates` holds no certificate")
    return data


def _utf(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data
