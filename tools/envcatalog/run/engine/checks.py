"""Checks under a Docker Engine (20.10 or later): in the image itself, loaded for the purpose and removed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from envcatalog.model.digest import sha256_digest
from envcatalog.model.image import BuiltPlatform
from envcatalog.model.result import CheckHow
from envcatalog.run.archive import docker_archive
from envcatalog.run.checks import OUTPUT_BYTES, Blob, Outcome, RunnerFailed
from envcatalog.run.engine.client import connect, engine_errors, error_text
from envcatalog.run.host import HOST_NAME

PROBE_SECONDS = 3
CALL_SECONDS = 300
LABEL = "io.envcatalog.check"
NOT_STARTED = 127  # what a shell says of a command it cannot find


class EngineRunner:
    """The engine that ``DOCKER_HOST`` names, or the machine's own."""

    @property
    def name(self) -> CheckHow:
        """``engine``."""
        return "engine"

    def unavailable(self, platform: str) -> str | None:
        """Asks the engine for its version, three seconds at most."""
        try:
            client = connect(PROBE_SECONDS)
        except RunnerFailed as failure:
            return str(failure)
        try:
            answer = client.version()
            engine = f"{answer.get('Os')}/{answer.get('Arch')}"
        except engine_errors():
            return "no engine answers"
        finally:
            client.close()
        return None if engine == platform else f"the engine runs `{engine}`, not `{platform}`"

    @contextmanager
    def open(self, platform: BuiltPlatform, blob: Blob) -> Iterator[_EngineSession]:
        """Load the image unless the engine has it, and remove what was loaded."""
        client = connect(CALL_SECONDS)
        try:
            with _loaded(client, platform, blob) as reference:
                yield _EngineSession(client, reference)
        finally:
            client.close()


class _EngineSession:
    def __init__(self, client: Any, image: str) -> None:
        self._client = client
        self._image = image

    def run(self, command: tuple[str, ...], *, timeout: float) -> Outcome:
        """One container for one command; it is removed whatever happens."""
        # Named before the engine is asked, so that an interrupt cannot leave the container behind.
        name = f"envcatalog-check-{secrets.token_hex(8)}"
        try:
            _create(self._client, name, self._image, command)
            return _run(self._client, name, timeout)
        except engine_errors() as error:
            raise RunnerFailed(f"the engine refused: {error_text(error)}") from None
        finally:
            with suppress(*engine_errors()):
                self._client.remove_container(name, force=True, v=True)


def _create(client: Any, name: str, image: str, command: tuple[str, ...]) -> None:
    from docker.types import LogConfig

    host = client.create_host_config(
        network_mode="none",
        # Without a network an engine tells `/etc/hosts` nothing of the host's own name, which Java looks up.
        extra_hosts={HOST_NAME: "127.0.0.1"},
        security_opt=["no-new-privileges"],
        # Two files in turn: the end of an output of any length is there, and the engine's disk does not fill.
        log_config=LogConfig(type="json-file", config={"max-size": "256k", "max-file": "2"}),
    )
    client.create_container(
        image,
        name=name,
        hostname=HOST_NAME,
        entrypoint=[command[0]],
        command=list(command[1:]),
        host_config=host,
        labels={LABEL: "1"},
    )


def _run(client: Any, name: str, timeout: float) -> Outcome:
    from docker.errors import APIError

    try:
        client.start(name)
    except APIError as error:
        if error.status_code in (400, 404):
            return Outcome(exit_code=NOT_STARTED, output=error_text(error).encode())
        raise
    code = _wait(client, name, timeout)
    return Outcome(exit_code=code, output=client.logs(name, stdout=True, stderr=True)[-OUTPUT_BYTES:])


def _wait(client: Any, name: str, timeout: float) -> int | None:
    from requests.exceptions import RequestException

    deadline = time.monotonic() + timeout
    try:
        return int(client.wait(name, timeout=timeout)["StatusCode"])
    except RequestException:
        # A read that ran out of time comes as one of several errors; the clock tells it from a lost engine.
        if time.monotonic() < deadline:
            raise
    client.kill(name)
    client.wait(name)
    return None


@contextmanager
def _loaded(client: Any, platform: BuiltPlatform, blob: Blob) -> Iterator[str]:
    from docker.errors import ImageNotFound

    errors: tuple[type[Exception], ...] = (*engine_errors(), OSError)
    identity = sha256_digest(platform.config)
    tag = f"envcatalog-check:{secrets.token_hex(8)}"
    try:
        with suppress(ImageNotFound):
            client.inspect_image(identity)
            tag = ""
        if tag:
            _load(client, platform, tag, blob)
    except errors as error:
        raise RunnerFailed(f"the engine did not load the image: {error_text(error)}") from None
    except BaseException:
        _remove(client, tag)
        raise
    try:
        yield tag or identity
    finally:
        _remove(client, tag)


def _load(client: Any, platform: BuiltPlatform, tag: str, blob: Blob) -> None:
    from docker.errors import DockerException

    answer: Any = client.load_image(docker_archive(platform, tag=tag, blob=blob), quiet=True)
    for message in answer:
        # The call itself succeeds whatever the engine thinks of the archive.
        if "error" in message:
            raise DockerException(str(message["error"]))


def _remove(client: Any, tag: str) -> None:
    if tag:
        with suppress(*engine_errors()):
            client.remove_image(tag, force=True)
