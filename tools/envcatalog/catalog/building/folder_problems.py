"""What `validate` says of the files beside a definition: only the source is read, nothing is fetched or run."""

from __future__ import annotations

from collections.abc import Iterator

from envcatalog.catalog.content import Content
from envcatalog.catalog.places import environment_folder
from envcatalog.definition.reader import Reading
from envcatalog.formats.docker.source import read_source
from envcatalog.model.environment import Environment, Spark
from envcatalog.model.errors import Refusal
from envcatalog.model.problem import Problem

_PATH = ("dockerfile", "path")


def folder_problems(content: Content, name: str, reading: Reading) -> Iterator[Problem]:
    """The problems of an environment's Dockerfile, of what that copies, and of the jars that `spark` names."""
    environment = reading.environment
    if environment is None:
        return
    if environment.dockerfile is not None:
        yield from _dockerfile(content, environment, reading)
    if environment.spark is not None and environment.spark.jars:
        yield from _jars(content, name, environment.spark, reading)


def _dockerfile(content: Content, environment: Environment, reading: Reading) -> Iterator[Problem]:
    name = environment.name
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


def _jars(content: Content, name: str, spark: Spark, reading: Reading) -> Iterator[Problem]:
    from envcatalog.lock.jars import jar_problem

    present = {file.path: file for file in content.folder(name)}
    for index, path in enumerate(spark.jars):
        wrong = jar_problem(path, present, name)
        if wrong is not None:
            message, hint = wrong
            yield reading.problem("spark-jar-missing", message, ("spark", "jars", index), hint)
