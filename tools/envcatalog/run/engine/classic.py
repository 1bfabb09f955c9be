"""The engine's classic builder, through its API: every step is an image, so its cache needs nothing but the engine."""

from __future__ import annotations

import secrets
import socket
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from envcatalog.formats.docker.dockerfile import Parsed, parse_dockerfile
from envcatalog.image.docker.secrets import Guard
from envcatalog.model.docker import KEY_BUILD, DockerBuild
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.seams import Progress
from envcatalog.run.engine.client import engine_errors, error_text
from envcatalog.run.engine.context import DOCKERFILE, write_tar
from envcatalog.run.engine.journal import Journal, exclusive
from envcatalog.run.engine.leftovers import forget, forget_all, keep_stages, repository
from envcatalog.run.engine.log import ClassicLog

_SPOOL = 32 * 1024 * 1024  # a larger context goes through a file
ANSWER_SECONDS = 60  # the clock is what ends a build; the connection only must not end before it
STOPPED = "it stopped before the image was complete"


@contextmanager
def build_classic(
    client: Any, build: DockerBuild, guard: Guard, progress: Progress, notes: Journal, cache: Path
) -> Iterator[str]:
    """Build; the tag of the image, which the engine has for as long as the block takes.

    Args:
        notes: of what is made, should this process be killed.
        cache: the folder that other processes may be building from, too.

    Raises:
        Refusal: a step failed or the time is over.
        UserError: the engine stopped.
    """
    text = labelled(build)
    # Of its own: another build of the same environment may replace what the cache's tags name at any time.
    tag = secrets.token_hex(8)
    name = f"{repository(build)}:{tag}"
    log = ClassicLog(build.environment, progress, guard, notes.note)
    notes.note("tag", name)
    try:
        try:
            image = _run(client, build, text, log)
            with suppress(*engine_errors()):
                client.tag(image, repository(build), tag)
        except BaseException:
            forget_all(client, log)
            raise
        with exclusive(cache):
            keep_stages(client, build, log.stages, image)
        yield name
    finally:
        forget(client, "tag", name)


def labelled(build: DockerBuild) -> str:
    """The Dockerfile with our label after each `FROM`, so that all that a build leaves behind says whose it is."""
    parsed = parse_dockerfile(build.dockerfile, build.origin)
    lines = list(parsed.lines)
    for instruction in reversed(parsed.instructions):
        if instruction.keyword == "FROM":
            lines.insert(instruction.end, f'LABEL {KEY_BUILD}="{build.environment}"')
    return "\n".join(lines)


def _run(client: Any, build: DockerBuild, text: str, log: ClassicLog) -> str:
    image = ""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as context:
        write_tar(build.context, text, context)
        context.seek(0)
        with _stream(client, build, context) as (messages, over):
            try:
                for message in messages:
                    if "stream" in message:
                        log.take(str(message["stream"]))
                    elif "status" in message and "id" not in message:  # of a layer there would be ten lines
                        log.line(str(message["status"]))
                    elif "aux" in message:
                        image = str(message["aux"].get("ID") or image)
                    elif "errorDetail" in message or "error" in message:
                        raise _failed(build, text, log, message)
            except engine_errors() as error:
                if over.is_set():
                    raise _late(build, text, log) from None
                # What the connection says of its end is for nobody; what the engine says is.
                reason = getattr(error, "explanation", None) or STOPPED
                raise _broken(build, str(reason)) from None
        if over.is_set():
            raise _late(build, text, log)
    log.end()
    if not image:
        # The stream of an engine that stops ends like that of one that is done.
        raise _broken(build, STOPPED)
    return image


@contextmanager
def _stream(
    client: Any, build: DockerBuild, context: Any
) -> Iterator[tuple[Iterator[dict[str, Any]], threading.Event]]:
    """The messages of the build. Hanging up is how an engine is told to stop: at the end of the time, whose event tells
    that it was so, and whatever else ends the block."""
    over, answers = threading.Event(), list[Any]()

    def end() -> None:
        over.set()
        shut_down(answers)

    def answered(answer: Any, *_: Any, **__: Any) -> None:
        answers.append(answer)
        if over.is_set():  # the time was over before the engine said a word
            shut_down(answers)

    keep = client.hooks["response"]
    client.hooks["response"] = [answered]
    clock = threading.Timer(build.timeout, end)
    clock.daemon = True
    clock.start()
    try:
        try:
            messages = client.build(
                fileobj=context,
                custom_context=True,
                dockerfile=DOCKERFILE,
                buildargs=dict(build.args),
                target=build.target,
                network_mode=None if build.network == "default" else build.network,
                rm=True,
                forcerm=True,
                nocache=build.fresh,
                timeout=build.timeout + ANSWER_SECONDS,
                decode=True,
            )
        except engine_errors() as error:
            raise _broken(build, error_text(error)) from None
        finally:
            client.hooks["response"] = keep
        try:
            yield messages, over
        finally:
            hang_up(answers)
            with suppress(*engine_errors()):
                messages.close()
    finally:
        clock.cancel()


def hang_up(answers: Iterable[Any]) -> None:
    """End connections for good."""
    shut_down(answers)
    for answer in answers:
        with suppress(OSError, *engine_errors()):
            answer.close()


def shut_down(answers: Iterable[Any]) -> None:
    """Let whoever reads from these connections come to their end; it may be another thread."""
    for answer in answers:
        # It may have ended by itself, which each of these tells in its own way.
        with suppress(OSError, AttributeError, ValueError, RuntimeError, *engine_errors()):
            answer.raw.shutdown()  # of urllib3 2.3 and later
        with suppress(OSError, AttributeError, ValueError, *engine_errors()):
            answer.raw.connection.sock.shutdown(socket.SHUT_RDWR)


def _failed(build: DockerBuild, text: str, log: ClassicLog, message: dict[str, Any]) -> Refusal:
    detail = message.get("errorDetail") or {}
    reason = log.line(str(detail.get("message") or message.get("error") or "no reason is given")).strip()
    return _refusal(build, text, log, reason)


def _late(build: DockerBuild, text: str, log: ClassicLog) -> Refusal:
    return _refusal(build, text, log, f"it was not done after {build.timeout:g} seconds")


def _refusal(build: DockerBuild, text: str, log: ClassicLog, reason: str) -> Refusal:
    log.end()
    parsed = parse_dockerfile(text, build.origin)
    place, step = _place(parsed, log.step)
    last = [line for line in log.last if line.strip() != reason and not line.startswith("Step ")]
    return Refusal(
        f"building `{build.environment}` failed at {place}{step}: {reason}"
        + "".join(f"\n{line}" for line in last),
        "nothing was published; mend that step, commit, and run the command again",
    )


def _place(parsed: Parsed, step: int) -> tuple[str, str]:
    if not 0 < step <= len(parsed.instructions):
        return f"`{parsed.origin}`", ""
    instruction = parsed.instructions[step - 1]
    before = [item for item in parsed.instructions[:step] if item.keyword == "FROM"]
    # Our label follows each `FROM`, on a line that the user's file does not have.
    added = len(before) - (1 if instruction.keyword == "FROM" else 0)
    shown = f"{instruction.keyword} {instruction.value}"
    shown = shown if len(shown) <= 80 else shown[:80] + "…"
    return f"`{parsed.origin}:{instruction.line - added}`", f", `{shown}`"


def _broken(build: DockerBuild, reason: str) -> UserError:
    return UserError(
        f"the Docker Engine failed while it built `{build.environment}`: {reason}",
        "nothing was published; see whether the engine runs and has room on its disk, and run the command again",
    )
