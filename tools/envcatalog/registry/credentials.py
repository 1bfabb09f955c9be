"""User names and passwords from Docker's configuration: ``auths``, ``credHelpers`` and ``credsStore``.

Secrets are in no `repr`, in no message and on no command line.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envcatalog.model.errors import UserError
from envcatalog.registry.media import read_object

HELPER_NAME = re.compile(r"[a-zA-Z0-9_-]+\Z")
HELPER_SECONDS = 30.0
CONFIG_LIMIT = 1 << 20
TOKEN_USER = "<token>"  # noqa: S105 - how a helper says that the secret is an identity token


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What one registry host is told: a password, an identity token, or a token to send as it is."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)


# Docker files Docker Hub's credential under the address that its first registry had.
STORED_UNDER = {"docker.io": "https://index.docker.io/v1/"}


def find_credential(host: str) -> Credential | None:
    """The credential for exactly this host (and port), or None.

    Raises:
        UserError: the configuration cannot be read, or a helper fails.
    """
    path = _config_path()
    config = _read_config(path)
    helpers = config.get("credHelpers")
    stored = STORED_UNDER.get(host, host)
    helper = helpers.get(host, helpers.get(stored)) if isinstance(helpers, dict) else None
    helper = helper or config.get("credsStore")
    if helper:
        found = _ask_helper(helper, stored, path)
        if found is not None:
            return found
    auths = config.get("auths")
    for key, entry in auths.items() if isinstance(auths, dict) else ():
        if _host_of(key) in (host, _host_of(stored)) and isinstance(entry, dict):
            return _from_entry(entry, host, path)
    return None


def _config_path() -> Path:
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def _read_config(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(CONFIG_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UserError(f"`{path}` cannot be read: {(error.strerror or 'error').lower()}") from None
    config = read_object(data) if len(data) <= CONFIG_LIMIT else None
    if config is None:
        raise UserError(f"`{path}` is not a JSON object", "mend the file, or run `docker login` again")
    return config


def _host_of(key: str) -> str:
    # Older clients wrote a whole address.
    return re.sub(r"\Ahttps?://", "", key).split("/", 1)[0]


def _from_entry(entry: dict[str, Any], host: str, path: Path) -> Credential | None:
    def text(name: str) -> str:
        value = entry.get(name)
        return value if isinstance(value, str) else ""

    username, password = text("username"), text("password")
    if text("auth"):
        try:
            decoded = base64.b64decode(text("auth"), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            hint = f"run `docker login {host}` again"
            raise UserError(f"`auth` for `{host}` in `{path}` is not base64", hint) from None
        username, _, password = decoded.rstrip("\0").partition(":")
    found = Credential(
        username=username,
        password=password,
        identity_token=text("identitytoken"),
        registry_token=text("registrytoken"),
    )
    return found if found != Credential() else None


def _ask_helper(helper: object, host: str, path: Path) -> Credential | None:
    if not isinstance(helper, str) or HELPER_NAME.match(helper) is None:
        raise UserError(f"`{path}` names a credential helper that is not a plain name")
    program = f"docker-credential-{helper}"
    found = shutil.which(program)
    if found is None:
        hint = f"install it, or remove it from `{path}`"
        raise UserError(f"the credential helper `{program}` is not installed", hint)
    try:
        done = subprocess.run(
            [found, "get"], input=host.encode(), capture_output=True, timeout=HELPER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        # Not chained: its output may hold a secret.
        message = f"the credential helper `{program}` did not answer within {HELPER_SECONDS:.0f} s"
        raise UserError(message, f"run `{program} get` by hand to see why") from None
    if done.returncode != 0:
        if b"not found" in done.stdout.lower():
            return None
        message = f"the credential helper `{program}` failed with exit code {done.returncode}"
        raise UserError(message, f"run `{program} get` by hand to see why")
    answer = read_object(done.stdout) or {}
    username, secret = answer.get("Username"), answer.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise UserError(f"the credential helper `{program}` gave no user name and secret")
    if username == TOKEN_USER:
        return Credential(identity_token=secret)
    return Credential(username=username, password=secret)
