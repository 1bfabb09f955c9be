"""What a format cannot hold: every part of a definition that is set is either held, or named here with the reason."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from envcatalog.model.environment import (
    DEFAULT_PLATFORM,
    Base,
    DebianBase,
    DockerfileBase,
    Environment,
    EnvironmentBase,
    ImageBase,
)
from envcatalog.model.export import Left

Key = tuple[str, ...]

# What decides the image's content, and what its configuration and labels say: all that a reference to the
# published image brings along.
CONTENT: frozenset[Key] = frozenset(
    {
        ("base",),
        ("apt",),
        ("python", "version"),
        ("python", "packages"),
        ("conda", "channels"),
        ("conda", "packages"),
        ("conda", "channel_priority"),
        ("conda", "virtual_packages"),
        ("r",),
        ("spark",),
        ("dockerfile",),
        ("variables",),
        ("container", "user"),
        ("container", "workdir"),
        ("container", "entrypoint"),
        ("container", "command"),
        ("container", "ports"),
        ("inference", "port"),
        ("platforms",),
    }
)
LABELS: frozenset[Key] = frozenset(
    {
        ("container", "shm_size"),
        ("container", "gpus"),
        ("inference", "liveness"),
        ("inference", "readiness"),
        ("inference", "scoring"),
    }
)
_CHECKS: Key = ("checks",)


def left_out(
    environment: Environment, held: Collection[Key], reason: str, *, beside: Collection[Key] = ()
) -> tuple[Left, ...]:
    """All that is set and not held, in the order of a definition.

    Args:
        beside: what such a file never speaks of, such as the machine that a requirements file is installed on.
    """
    found = []
    for key, value in settings(environment):
        if key == _CHECKS:
            found.append(_left(key, value, "checks are run before a version is published", lost=False))
        elif key not in held:
            found.append(_left(key, value, reason, lost=key not in beside))
    return tuple(found)


def settings(environment: Environment) -> Iterator[tuple[Key, str]]:
    """Every part of the definition that is set, with its value in one line."""
    yield ("base",), base_words(environment.base)
    for key, value in _parts(environment):
        text = _words(value)
        if text:
            yield key, text


def base_words(base: Base) -> str:
    """``debian bookworm``, ``image HOST/PATH:TAG`` ..."""
    if isinstance(base, DebianBase):
        return f"debian {base.suite}"
    if isinstance(base, ImageBase):
        return f"image {base.image}"
    if isinstance(base, EnvironmentBase):
        return f"environment {base.environment}"
    assert isinstance(base, DockerfileBase)
    return "Dockerfile"


def _parts(environment: Environment) -> Iterator[tuple[Key, object]]:
    yield ("apt",), environment.apt
    python, conda = environment.python, environment.conda
    if python:
        yield ("python", "version"), python.version
        yield ("python", "packages"), python.packages
    if conda:
        yield ("conda", "channels"), conda.channels
        yield ("conda", "packages"), conda.packages
        if conda.channel_priority != "strict":
            yield ("conda", "channel_priority"), conda.channel_priority
        yield ("conda", "virtual_packages"), conda.virtual_packages
    if environment.r:
        yield ("r",), environment.r.packages or "R itself"
    if environment.spark:
        yield ("spark",), environment.spark.version
    if environment.dockerfile:
        yield ("dockerfile",), environment.dockerfile.path
    yield ("variables",), environment.variables
    for name in ("user", "workdir", "entrypoint", "command", "ports", "shm_size", "gpus"):
        yield ("container", name), getattr(environment.container, name)
    if environment.inference:
        for name in ("port", "liveness", "readiness", "scoring"):
            yield ("inference", name), getattr(environment.inference, name)
    if environment.platforms != (DEFAULT_PLATFORM,):
        yield ("platforms",), environment.platforms
    yield _CHECKS, environment.checks


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join("=".join(item) if isinstance(item, tuple) else str(item) for item in value)
    return "" if value is None else str(value)


def _left(key: Key, value: str, reason: str, *, lost: bool) -> Left:
    return Left(key=key, text=f"{'.'.join(key)}: {value}", reason=reason, lost=lost)
