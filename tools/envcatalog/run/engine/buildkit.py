"""BuildKit, through a docker command line that has it: for `RUN --mount`, here-documents, `# syntax=` and secrets.

The SDK speaks to the classic builder alone. Secrets are files that only this user can read, for as long as the build
takes; the client passes them on when a step asks for one.
"""

from __future__ import annotations

import os
import secrets as tokens
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from envcatalog.image.docker.secrets import Guard
from envcatalog.model.docker import KEY_BUILD, BuildSecret, DockerBuild
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.seams import Progress
from envcatalog.run.engine.context import write_folder
from envcatalog.run.engine.journal import Journal
from envcatalog.run.engine.leftovers import forget, repository
from envcatalog.run.engine.log import BuildkitLog

STOP_SECONDS = 20
_USUAL = ("/usr/bin/docker", "/usr/local/bin/docker")
_SOCKET = "unix:///var/run/docker.sock"


@contextmanager
def build_with_buildkit(
    client: Any,
    build: DockerBuild,
    secrets: Sequence[BuildSecret],
    guard: Guard,
    progress: Progress,
    notes: Journal,
) -> Iterator[str]:
    """Build; the tag of the image, which the engine has for as long as the block takes. Its cache is BuildKit's own.

    Raises:
        UserError: no client has BuildKit.
        Refusal: a step failed or the time is over.
    """
    program = find_client()
    if program is None:
        raise UserError(
            f"`{build.environment}` needs BuildKit ({_why(build, secrets)}), and no `docker` command here has it",
            "install Docker's command line of 20.10, or a later one with the `buildx` plugin",
        )
    tag = f"{repository(build)}:{tokens.token_hex(8)}"
    notes.note("tag", tag)
    try:
        with tempfile.TemporaryDirectory(prefix="envcatalog-build-") as folder:
            command = _prepare(program, build, secrets, tag, Path(folder))
            _run(command, build, BuildkitLog(build.environment, progress, guard))
        yield tag
    finally:
        forget(client, "tag", tag)


def find_client(path: str | None = None) -> str | None:
    """The first docker command that can build with secrets; on PATH, then in the usual places."""
    folders = (path if path is not None else os.environ.get("PATH", os.defpath)).split(os.pathsep)
    found: list[str | None] = [shutil.which("docker", path=folder) for folder in folders]
    programs: dict[str | None, None] = dict.fromkeys([*found, *(_USUAL if path is None else ())])
    for program in programs:
        if program and os.access(program, os.X_OK) and _has_buildkit(program):
            return program
    return None


@cache
def _has_buildkit(program: str) -> bool:
    # Clients of 23 and later have it in a plugin, and say in their help what they can do without.
    try:
        asked = subprocess.run(
            [program, "build", "--help"],
            capture_output=True,
            timeout=20,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and b"--secret" in asked.stdout


def _why(build: DockerBuild, secrets: Sequence[BuildSecret]) -> str:
    return "its Dockerfile asks for it" if build.buildkit or not secrets else "it is given secrets"


def _prepare(
    program: str, build: DockerBuild, secrets: Sequence[BuildSecret], tag: str, folder: Path
) -> list[str]:
    context, dockerfile = folder / "context", folder / "Dockerfile"
    context.mkdir()
    write_folder(build.context, context)
    dockerfile.write_text(build.dockerfile, "utf-8", newline="")
    command = [program, "build", "--progress=plain", "--file", str(dockerfile), "--tag", tag]
    command += ["--label", f"{KEY_BUILD}={build.environment}", "--network", build.network]
    for name, value in build.args:
        command += ["--build-arg", f"{name}={value}"]
    if build.fresh:
        command.append("--no-cache")
    if build.target:
        command += ["--target", build.target]
    for index, secret in enumerate(secrets):
        path = folder / f"secret-{index}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret.value)
        command += ["--secret", f"id={secret.id},src={path}"]
    return [*command, str(context)]


def _run(command: Sequence[str], build: DockerBuild, log: BuildkitLog) -> None:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        env=_environ(),
    )
    over = threading.Event()

    def end() -> None:
        over.set()
        _stop(process, signal.SIGINT)

    clock = threading.Timer(build.timeout, end)
    clock.daemon = True
    clock.start()
    output = process.stdout
    assert output is not None, "it was asked for"
    try:
        for line in output:
            log.take(line.rstrip("\n"))
        code = process.wait()
    finally:
        clock.cancel()
        _end(process)
        output.close()
    if code or over.is_set():
        raise _failed(build, log, over.is_set())


def _environ() -> Mapping[str, str]:
    """The machine's, with the engine that the SDK speaks to, whatever context the client is set to."""
    kept = {name: value for name, value in os.environ.items() if name != "DOCKER_CONTEXT"}
    return {**kept, "DOCKER_HOST": kept.get("DOCKER_HOST") or _SOCKET, "DOCKER_BUILDKIT": "1"}


def _stop(process: subprocess.Popen[str], how: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, how)


def _end(process: subprocess.Popen[str]) -> None:
    """However we got here, the client is gone afterwards; the engine then stops the build by itself."""
    if process.poll() is not None:
        return
    _stop(process, signal.SIGINT)
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _stop(process, signal.SIGKILL)
        process.wait()


def _failed(build: DockerBuild, log: BuildkitLog, late: bool) -> Refusal:
    step, reason, lines = log.reason()
    if late:
        reason = f"it was not done after {build.timeout:g} seconds"
    place = f"`{build.origin}`, `{step}`" if step else f"`{build.origin}`"
    return Refusal(
        f"building `{build.environment}` failed at {place}: {reason}"
        + "".join(f"\n{line}" for line in lines),
        "nothing was published; mend that step, commit, and run the command again",
    )
