"""Rules about `conda` that a schema cannot say. They look at values of any shape and pass over wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from envcatalog.definition.finding import Finding, Path, show, show_path
from envcatalog.definition.matchspecs import MatchSpec, allows_python, read_spec
from envcatalog.definition.requirements import Refused

MAX_SPEC = 500
INTERPRETER = "/opt/env/bin/python"  # with the minor version behind it


def conda_findings(value: dict[str, Any]) -> Iterator[Finding]:
    """Everything that is wrong with `conda`, and with `python` beside it."""
    conda, python = value.get("conda"), value.get("python")
    if not isinstance(conda, dict):
        return
    python = python if isinstance(python, dict) else {}
    if conda.get("packages", []) == [] and not python and "channels" in conda:
        hint = "add `packages`, set `python`, or leave `conda` out"
        yield Finding("conda-empty", "`conda` asks for no package", ("conda",), hint, True)
    if "interpreter" in python:
        message = "`python.interpreter` may not be set beside `conda`, which brings the interpreter"
        yield Finding("conda-interpreter", message, ("python", "interpreter"), "leave the key out", True)
    channels = conda.get("channels")
    yield from _specs(
        conda.get("packages"), channels if isinstance(channels, list) else [], python.get("version")
    )


def python_condition(packages: Any) -> str:
    """What MatchSpecs say of the version of `python`; empty where nothing."""
    for text in packages:
        spec = read_spec(text)
        if isinstance(spec, MatchSpec) and spec.name == "python":
            return spec.version
    return ""


def _specs(packages: Any, channels: list[Any], minor: Any) -> Iterator[Finding]:
    seen: dict[str, Path] = {}
    for index, text in enumerate(packages if isinstance(packages, list) else ()):
        path: Path = ("conda", "packages", index)
        if not isinstance(text, str) or not 0 < len(text) <= MAX_SPEC:
            continue
        spec = read_spec(text)
        if isinstance(spec, Refused):
            yield Finding(spec.code, f"{show(text)} {spec.message}", path, spec.hint)
            continue
        first = seen.setdefault(spec.name, path)
        if first != path:
            message = f"the conda package `{spec.name}` is here twice; it is also `{show_path(first)}`"
            yield Finding("conda-spec-repeated", message, path, "keep one, with all its conditions")
        elif spec.channel and spec.channel not in channels:
            message = f"{show(text)} asks for the channel `{spec.channel}`, which is not in `conda.channels`"
            yield Finding("conda-spec-channel", message, path, "add it there, or remove it here")
        elif spec.name == "python" and isinstance(minor, str) and not allows_python(spec.version, minor):
            message = f"{show(text)} contradicts `python.version`, which is `{minor}`"
            yield Finding("conda-python", message, path, f"write `python={minor}`, or leave the package out")
