"""Secrets for a build: what the user names, and what this machine has for reaching package indexes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from envcatalog.model.docker import BuildSecret
from envcatalog.model.errors import UserError

_ASKED = re.compile(r"--mount=\S*type=secret\S*")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_FORM = "write `id=NAME,src=FILE` or `id=NAME,env=VARIABLE`"
_LIMIT = 512 * 1024  # of BuildKit


def asked_for(dockerfile: str) -> frozenset[str]:
    """Ids of the secrets that `RUN --mount=type=secret` steps want."""
    found = set()
    for mount in _ASKED.findall(dockerfile):
        fields = dict(part.partition("=")[::2] for part in mount.removeprefix("--mount=").split(","))
        target = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
        found.add(fields.get("id") or target.rpartition("/")[2])
    return frozenset(found)


def read_secrets(texts: Iterable[str], environ: Mapping[str, str]) -> tuple[BuildSecret, ...]:
    """``--secret`` options.

    Raises:
        UserError: another form, an id twice, or a file or variable that is not there. The secret is in no message.
    """
    found: dict[str, BuildSecret] = {}
    for text in texts:
        fields = dict(part.partition("=")[::2] for part in text.split(","))
        name = fields.pop("id", "")
        fields.pop("type", None)
        if not _ID.match(name) or len(fields) != 1:
            raise UserError("a secret is given in another form than `--secret` takes", _FORM)
        if name in found:
            raise UserError(f"the secret `{name}` is given twice")
        found[name] = BuildSecret(id=name, value=_value(name, *fields.popitem(), environ))
    return tuple(found[name] for name in sorted(found))


def _value(name: str, kind: str, where: str, environ: Mapping[str, str]) -> bytes:
    if kind == "env":
        if where not in environ:
            raise UserError(f"the secret `{name}` is in the variable `{where}`, which is not set")
        return environ[where].encode()
    if kind not in ("src", "source"):
        raise UserError("a secret is given in another form than `--secret` takes", _FORM)
    try:
        with Path(where).expanduser().open("rb") as file:
            value = file.read(_LIMIT + 1)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise UserError(f"the secret `{name}` cannot be read from `{where}`: {reason}") from None
    if len(value) > _LIMIT:
        raise UserError(f"the secret `{name}` is larger than {_LIMIT // 1024} KiB")
    return value


def machine_secrets(
    environ: Mapping[str, str] | None = None, home: Path | None = None
) -> tuple[BuildSecret, ...]:
    """What this machine offers to a Dockerfile that asks for it.

    ``ca-bundle``: the certificates that this machine trusts, where it is told of some; ``netrc``: credentials by host;
    ``pip.conf``: the package indexes, with credentials.
    """
    environ = os.environ if environ is None else environ
    home = home or Path.home()
    places = {
        "ca-bundle": [
            environ.get(name, "")
            for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
        ],
        "netrc": [environ.get("NETRC", ""), str(home / ".netrc")],
        "pip.conf": _pip_places(environ, home),
    }
    certificate = _pip_certificate(places["pip.conf"])
    if certificate:
        places["ca-bundle"].append(certificate)
    found = []
    for name, paths in places.items():
        for path in paths:
            value = _read(path)
            if value:
                found.append(BuildSecret(id=name, value=value, offered=True))
                break
    return tuple(found)


def _pip_places(environ: Mapping[str, str], home: Path) -> list[str]:
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    own = environ.get("PIP_CONFIG_FILE", "")
    return [own, str(config / "pip/pip.conf"), str(home / ".pip/pip.conf"), f"{os.sep}etc/pip.conf"]


def _pip_certificate(places: Iterable[str]) -> str:
    for path in places:
        match = re.search(rb"(?m)^\s*cert\s*=\s*(\S.*?)\s*$", _read(path))
        if match:
            return os.fsdecode(match[1])
    return ""


def _read(path: str) -> bytes:
    if not path or path == os.devnull:
        return b""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return b""
    return data if len(data) <= _LIMIT else b""
