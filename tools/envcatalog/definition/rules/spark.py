"""Rules about `spark` and `r` that a schema cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from envcatalog.definition.finding import Finding, Path, show, show_path
from envcatalog.model.environment import Environment, ImageBase
from envcatalog.model.problem import Problem

if TYPE_CHECKING:
    from envcatalog.definition.reader import Reading


def spark_findings(value: dict[str, Any]) -> Iterator[Finding]:
    """Jars that would lie on one another: Spark has one folder for all."""
    spark = value.get("spark")
    if not isinstance(spark, dict):
        return
    seen: dict[str, Path] = {}
    for key, name_of in (("packages", _package), ("jars", _file)):
        listed = spark.get(key)
        for index, text in enumerate(listed if isinstance(listed, list) else ()):
            if not isinstance(text, str):
                continue
            path: Path = ("spark", key, index)
            for name in name_of(text):
                first = seen.setdefault(name, path)
                if first != path:
                    message = f"{show(text)} and `{show_path(first)}` are the same jar for Spark, `{name}`"
                    yield Finding("spark-jar-repeated", message, path, "keep one of the two")
                    break


def spark_problems(reading: Reading, environment: Environment, chain: list[Environment]) -> Iterator[Problem]:
    """What `spark` and `r` ask of the bases.

    Args:
        chain: the bases, nearest first.
    """
    root = (chain[-1] if chain else environment).base
    if environment.r is not None and isinstance(root, ImageBase):
        message = "`r` needs a Debian base, and the base in the end is an image"
        hint = "begin with `base: {debian: ...}`, or install R in the base image"
        yield reading.located.problem("r-base", message, ("r",), hint, at_key=True)
    spark = environment.spark
    if spark is None:
        return
    if not any(item.python is not None for item in (environment, *chain)):
        message = "`spark` needs Python, which neither this environment nor a base of it has"
        yield reading.located.problem("spark-python", message, ("spark",), "add `python`", at_key=True)
    owner = next((item for item in chain if item.spark is not None), None)
    if owner is not None and owner.spark is not None and owner.spark.version != spark.version:
        theirs = owner.spark.version
        message = f"`spark.version` is `{spark.version}`, and the base `{owner.name}` has `{theirs}`"
        hint = f'write `version: "{theirs}"`, or choose another base'
        yield reading.problem("spark-base", message, ("spark", "version"), hint)


def _package(text: str) -> Iterator[str]:
    """Without the version: two versions of one library must not meet."""
    group, colon, rest = text.partition(":")
    if colon:
        yield f"{group}:{rest.partition(':')[0]}"
        yield f"{rest.replace(':', '-')}.jar"


def _file(text: str) -> Iterator[str]:
    yield text.rpartition("/")[2]
