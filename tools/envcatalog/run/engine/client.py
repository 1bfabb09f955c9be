"""Talking to a Docker Engine: the connection, and what can go wrong on it."""

from __future__ import annotations

import socket
import sys
from typing import Any

from envcatalog.run.checks import RunnerFailed


def connect(timeout: int) -> Any:
    """A client of the engine that ``DOCKER_HOST`` names, or of the machine's own.

    Args:
        timeout: seconds for one answer.

    Raises:
        RunnerFailed: no engine answers.
    """
    from docker import APIClient
    from docker.constants import DEFAULT_UNIX_SOCKET
    from docker.utils import kwargs_from_env

    try:
        arguments = kwargs_from_env()
        address = arguments.get("base_url") or DEFAULT_UNIX_SOCKET
        if sys.platform != "win32" and "unix://" in address and not _listens(address.partition("unix://")[2]):
            raise RunnerFailed("no engine answers")
        return APIClient(version="auto", timeout=timeout, **arguments)
    except engine_errors():
        raise RunnerFailed("no engine answers") from None


def _listens(path: str) -> bool:
    # Asked before the SDK is, which leaves a socket open for every connection that is refused.
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex("/" + path.lstrip("/")) == 0


def engine_errors() -> tuple[type[Exception], ...]:
    """What the SDK raises, and what it lets through from below."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    return DockerException, RequestException, HTTPError


def error_text(error: BaseException) -> str:
    """The engine's own words."""
    return str(getattr(error, "explanation", None) or error)
