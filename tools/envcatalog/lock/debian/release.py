"""A suite's signed Release file. What this module returns was covered by the signature, byte for byte.

The signature is checked with Sequoia (through pysequoia) and not with gpgv, since a machine without apt has
no gpgv. Measured with pysequoia 0.1.35: `verify` takes the cleartext framework, gives back the signed text
alone (text before, after or in the armour headers is left out), and raises when no signature is valid: wrong
bytes, a key that is not in the keyring, an expired or revoked key, or a weak hash.

Sources: apt-secure(8); Debian's repository format (Release: Suite, Codename, Valid-Until, SHA256).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.lock.debian.http import Downloads
from envcatalog.lock.urls import redacted
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.settings import DebianMirror

if TYPE_CHECKING:
    from pysequoia import Cert

RELEASE_LIMIT = 8 << 20
_CLOCK_SKEW = timedelta(hours=1)
_KEYRING_HINT = "set `debian.keyring` in `catalog/catalog.yaml`, or install `debian-archive-keyring`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A verified Release file.

    Attributes:
        root: the archive's root.
        suite: the folder below ``dists/``.
        by_hash: files are also there under the name of their hash, where an update of the mirror cannot
            replace them between two requests.
        files: path below ``dists/<suite>/`` to SHA-256 (hex) and size in bytes.
    """

    root: str
    suite: str
    by_hash: bool
    files: Mapping[str, tuple[str, int]]

    @property
    def address(self) -> str:
        """Where its files are."""
        return f"{self.root}/dists/{self.suite}"


def read_keyring(paths: Sequence[Path]) -> tuple[Cert, ...]:
    """The certificates of keyring files, binary or armoured.

    Raises:
        Refusal: a file cannot be read, or there is no certificate at all.
    """
    from pysequoia import Cert

    found: list[Cert] = []
    for path in paths:
        try:
            found += Cert.split_bytes(path.read_bytes())
        except (OSError, RuntimeError, ValueError):
            raise Refusal(f"the keyring `{path}` cannot be read", _KEYRING_HINT) from None
    if not found:
        raise Refusal("no keyring with Debian's archive keys is known", _KEYRING_HINT)
    return tuple(found)


def fetch_release(
    downloads: Downloads, mirror: DebianMirror, suite: str, certs: Sequence[Cert], *, now: datetime
) -> Release | None:
    """Fetch and verify ``dists/<suite>/InRelease``; None where the archive has no such suite.

    Raises:
        Refusal: the signature, the suite's name or the date is wrong.
        UserError: the archive cannot be reached.
    """
    root = mirror.url.rstrip("/")
    data = downloads.get(f"{root}/dists/{suite}/InRelease", limit=RELEASE_LIMIT)
    if data is None:
        return None
    address = redacted(f"{root}/dists/{suite}/InRelease")
    fields = _fields(verified_text(data, certs, address, now=now))
    _check_suite(fields, suite, address)
    _check_date(fields, now, address)
    return Release(
        root=root,
        suite=suite,
        by_hash=fields.get("Acquire-By-Hash", "").strip() == "yes",
        files=_files(fields.get("SHA256", ""), address),
    )


def verified_text(data: bytes, certs: Sequence[Cert], address: str, *, now: datetime) -> str:
    """The signed text of a cleartext-signed message.

    Sequoia takes a signature that was made before its key expired. Here the key must be valid still, since
    the time of a signature is only what the signer says.

    Raises:
        Refusal: no valid signature by one of `certs`.
    """
    from pysequoia import verify

    usable = [
        cert for cert in certs if not cert.is_revoked and (cert.expiration is None or cert.expiration > now)
    ]
    try:
        result = verify(bytes=data, store=lambda _: usable)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0].strip().rstrip(".")
        raise Refusal(f"`{address}` is not signed by a key of the keyring: {reason}", _KEYRING_HINT) from None
    if result.bytes is None or not result.valid_sigs:
        raise Refusal(f"`{address}` is not signed by a key of the keyring", _KEYRING_HINT)
    return bytes(result.bytes).decode("utf-8", "replace")


def read_index(downloads: Downloads, release: Release, path: str) -> bytes:
    """The bytes of one file that the Release lists, verified by size and SHA-256.

    Raises:
        Refusal: the Release does not list it, or the bytes differ.
        UserError: it cannot be fetched.
    """
    import hashlib

    sha256, size = index_entry(release, path)
    folder = path.rpartition("/")[0]
    data = None
    if release.by_hash:
        data = downloads.get(f"{release.address}/{folder}/by-hash/SHA256/{sha256}", limit=size)
    if data is None:
        data = downloads.get(f"{release.address}/{path}", limit=size)
    shown = redacted(f"{release.address}/{path}")
    if data is None:
        raise UserError(f"`{shown}` is not there", "the mirror may be changing, try again later")
    if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
        raise Refusal(
            f"`{shown}` is not the file that the signed Release lists",
            "the mirror may be changing, try again later",
        )
    return data


def index_entry(release: Release, path: str) -> tuple[str, int]:
    """SHA-256 and size that the Release lists for a file.

    Raises:
        Refusal: the Release does not list it.
    """
    entry = release.files.get(path)
    if entry is None:
        raise Refusal(f"the Release of `{release.suite}` lists no `{path}`")
    return entry


def _check_suite(fields: Mapping[str, str], suite: str, address: str) -> None:
    """A mirror could answer with another suite's Release, which is as well signed."""
    names = (fields.get("Codename", "").strip(), fields.get("Suite", "").strip())
    if suite not in names:
        raise Refusal(f"`{address}` is the Release of `{names[0] or names[1]}`, not of `{suite}`")


def _check_date(fields: Mapping[str, str], now: datetime, address: str) -> None:
    """An old Release is as well signed too; its Valid-Until bounds for how long it can hide updates."""
    date = _date(fields.get("Date"), address)
    if date is None:
        raise Refusal(f"`{address}` has no `Date`")
    if date > now + _CLOCK_SKEW:
        raise Refusal(
            f"`{address}` is dated {date:%Y-%m-%d %H:%M} UTC, in the future", "check this machine's clock"
        )
    until = _date(fields.get("Valid-Until"), address)
    if until is not None and until < now:
        raise Refusal(
            f"`{address}` was valid until {until:%Y-%m-%d %H:%M} UTC",
            "use a mirror that is up to date, and check this machine's clock",
        )


def _date(text: str | None, address: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = parsedate_to_datetime(text.strip())
    except ValueError:
        raise Refusal(f"`{address}` has a malformed date `{text.strip()}`") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1] == " ":
            fields[name] = fields.get(name, "") + line + "\n"
        else:
            name, _, value = line.partition(":")
            fields[name] = value
    return fields


def _files(text: str, address: str) -> dict[str, tuple[str, int]]:
    files: dict[str, tuple[str, int]] = {}
    for line in text.splitlines():
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 3 or len(parts[0]) != 64 or not parts[1].isdigit():
            raise Refusal(f"`{address}` has a malformed line `{line.strip()[:100]}`")
        files[parts[2]] = (parts[0].lower(), int(parts[1]))
    return files
