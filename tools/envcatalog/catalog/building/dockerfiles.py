"""What `validate` says of Dockerfiles: only files of the source are read, nothing is fetched or run."""

from __future__ import annotations

from collections.abc import Iterator

from envcatalog.catalog.content import Content
from envcatalog.catalog.places import environment_folder
from envcatalog.definition.reader import Reading
from envcatalog.formats.docker.source import read_source
from envcatalog.model.errors import Refusal
from envcatalog.model.problem import Problem

_PATH = ("dockerfile", "path")


def dockerfile_problems(content: Content, name: str, reading: Reading) -> Iterator[Problem]:
    """The problems of an environment's Dockerfile and of what it copies; nothing where it has none."""
    environment = reading.environment
    if environment is None or environment.dockerfile is None:
        return
    try:
        source = read_source(environment, content.folder(name), environment_folder(name))
    except Refusal as error:
        yield reading.problem("dockerfile-context", error.message, ("dockerfile",), error.hint)
        return
    if isinstance(source, tuple):
        message, hint = source
        yield reading.problem("dockerfile-missing", message, _PATH, hint)
    else:
        yield from source.problems
