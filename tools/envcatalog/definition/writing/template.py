"""Definitions and settings as text, for `init` and `new`: commented, and read back to just what went in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from envcatalog.definition.finding import bare
from envcatalog.definition.text.scalars import write_scalar
from envcatalog.model.draft import Note
from envcatalog.model.environment import (
    DEFAULT_PLATFORM,
    Base,
    Conda,
    Container,
    DebianBase,
    Deprecated,
    Environment,
    EnvironmentBase,
    ImageBase,
    Inference,
    Python,
)
from envcatalog.model.ranges import show_ranges

SCHEMA_LINE = "# yaml-language-server: $schema=../../schemas/environment.schema.json"
_MOST_NOTES = 100
_SHOWN = 200


def render_environment(environment: Environment, notes: Iterable[Note] = ()) -> str:
    """Text of an `environment.yaml`. The values are written as they are; the reader is who judges them.

    Args:
        notes: what an import has lost; it becomes comments, for whoever reviews the file.
    """
    lines = [
        SCHEMA_LINE,
        *_lost(notes),
        *_metadata(environment),
        "",
        *_content(environment),
        *_running(environment),
    ]
    return "\n".join(lines) + "\n"


def _lost(notes: Iterable[Note]) -> Iterator[str]:
    lost = [note for note in notes if note.lost]
    if lost:
        yield "# Not carried over, or not as it was:"
    for note in lost[:_MOST_NOTES]:
        place = f"{note.file}:{note.line}" if note.line else note.file
        yield f"#   {bare(place, _SHOWN)}: {bare(note.text, _SHOWN)}: {bare(note.reason, 2 * _SHOWN)}"
    if len(lost) > _MOST_NOTES:
        yield f"#   and {len(lost) - _MOST_NOTES} more"


def _metadata(environment: Environment) -> Iterator[str]:
    yield f"name: {write_scalar(environment.name)}"
    yield from _text("description", environment.description)
    yield from _list("owners", environment.owners)
    yield from _mapping("tags", dict(environment.tags))
    yield from _block("aliases", [f"{write_scalar(name)}: {number}" for name, number in environment.aliases])
    if environment.deprecated is not None:
        yield from _block("deprecated", _deprecated(environment.deprecated))
    if environment.archived:
        yield "archived: true"


def _deprecated(deprecated: Deprecated) -> Iterator[str]:
    if deprecated.versions:
        yield f"versions: {json.dumps(show_ranges(deprecated.versions))}"
    yield f"reason: {write_scalar(deprecated.reason)}"
    yield from _text("replacement", deprecated.replacement)
    yield from _text("until", deprecated.until)


def _content(environment: Environment) -> Iterator[str]:
    """What the image consists of."""
    if environment.managed != "system":
        yield f"managed: {environment.managed}"
    yield from _base(environment.base)
    yield from _list("apt", environment.apt)
    if environment.python is not None:
        yield from _block("python", _python(environment.python))
    if environment.conda is not None:
        yield from _block("conda", _conda(environment.conda))
    if environment.r is not None:
        yield from _block("r", _list("packages", environment.r.packages) or ["packages: []"])
    if environment.spark is not None:
        spark = environment.spark
        yield from _block(
            "spark", [f"version: {json.dumps(spark.version)}", *_list("packages", spark.packages)]
        )
        yield from _indented([*_list("jars", spark.jars), *_mapping("conf", dict(spark.conf))])
    if environment.dockerfile is not None:
        file = environment.dockerfile
        yield from _block("dockerfile", [*_text("path", file.path), *_text("context", file.context)])
        yield from _indented([*_mapping("args", dict(file.args)), *_text("target", file.target)])
    yield from _text("builder", environment.builder)


def _base(base: Base) -> Iterator[str]:
    if isinstance(base, DebianBase):
        yield f"base: {{debian: {write_scalar(base.suite)}}}"
    elif isinstance(base, ImageBase):
        yield f"base: {{image: {write_scalar(base.image)}}}"
    elif isinstance(base, EnvironmentBase):
        yield f"base: {{environment: {write_scalar(base.environment)}}}"


def _python(python: Python) -> Iterator[str]:
    yield f"version: {json.dumps(python.version)}"
    yield from _text("interpreter", python.interpreter)
    yield from _list("packages", python.packages)


def _conda(conda: Conda) -> Iterator[str]:
    yield from _list("channels", conda.channels) or ["channels: []"]
    yield from _list("packages", conda.packages)
    if conda.channel_priority != "strict":
        yield f"channel_priority: {conda.channel_priority}"
    yield from _mapping("virtual_packages", dict(conda.virtual_packages))


def _running(environment: Environment) -> Iterator[str]:
    """How the image is run and checked."""
    yield from _mapping("variables", dict(environment.variables))
    yield from _block("container", _container(environment.container))
    if environment.inference is not None:
        yield from _block("inference", _inference(environment.inference))
    if environment.platforms != (DEFAULT_PLATFORM,):
        yield from _list("platforms", environment.platforms)
    if environment.checks:
        yield "# These must succeed in the image before a version is published."
        yield from _list("checks", environment.checks)


def _container(container: Container) -> Iterator[str]:
    yield from _text("user", container.user)
    yield from _text("workdir", container.workdir)
    yield from _list("entrypoint", container.entrypoint or ())
    yield from _list("command", container.command or ())
    if container.ports:
        yield f"ports: [{', '.join(map(str, container.ports))}]"
    yield from _text("shm_size", container.shm_size)
    yield from _text("gpus", container.gpus)


def _inference(inference: Inference) -> Iterator[str]:
    yield f"port: {inference.port}"
    yield from _text("liveness", inference.liveness)
    yield from _text("readiness", inference.readiness)
    yield from _text("scoring", inference.scoring)


def _text(key: str, text: str | None) -> list[str]:
    return [f"{key}: {write_scalar(text)}"] if text else []


def _list(key: str, items: Iterable[str]) -> list[str]:
    written = [write_scalar(item) for item in items]
    if not written:
        return []
    line = f"{key}: [{', '.join(written)}]"
    if len(line) <= 80 and len(written) < 4:
        return [line]
    return [f"{key}:", *(f"  - {item}" for item in written)]


def _mapping(key: str, items: Mapping[str, str]) -> list[str]:
    return _block(key, [f"{write_scalar(name)}: {write_scalar(value)}" for name, value in items.items()])


def _block(key: str, lines: Iterable[str]) -> list[str]:
    below = _indented(lines)
    return [f"{key}:", *below] if below else []


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
