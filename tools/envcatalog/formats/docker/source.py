"""An environment's Dockerfile with all that belongs to it: text, stages, images, context and problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from envcatalog.formats.docker.context import Context, read_context
from envcatalog.formats.docker.dockerfile import MAX_BYTES, Parsed, parse_dockerfile
from envcatalog.formats.docker.rules import context_problems, ignore_problems
from envcatalog.formats.docker.stages import BASE, Stages, read_stages
from envcatalog.formats.docker.strict import strict_problems
from envcatalog.model.environment import DebianBase, Dockerfile, Environment, EnvironmentBase, ImageBase
from envcatalog.model.files import MODE_FILE, MODE_PROGRAM, FolderFile
from envcatalog.model.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerfileSource:
    """What a docker build starts from.

    Attributes:
        data: the Dockerfile's bytes.
        args: the definition's, and `BASE` where it has a base.
        problems: of the Dockerfile and the ignore file, by line.
    """

    data: bytes
    parsed: Parsed
    stages: Stages
    context: Context
    args: Mapping[str, str]
    problems: tuple[Problem, ...]


def read_source(
    environment: Environment, files: Sequence[FolderFile], folder: str
) -> DockerfileSource | tuple[str, str]:
    """The source, or a message and a hint where there is no Dockerfile to read.

    Args:
        files: of the environment's folder.
        folder: for the names of files in messages: ``catalog/<name>``.

    Raises:
        Refusal: a file cannot be read.
        ValueError: the environment has no Dockerfile.
    """
    wanted = environment.dockerfile
    if wanted is None:
        raise ValueError(f"{environment.name} has no Dockerfile")
    context = read_context(files, wanted)
    text = _text(context.dockerfile, wanted)
    if isinstance(text, tuple):
        return text
    origin = f"{folder}/{wanted.path}"
    parsed = parse_dockerfile(text, origin)
    args = dict(wanted.args) | base_argument(environment)
    stages = read_stages(parsed, args, target=wanted.target, platforms=environment.platforms)
    problems = [*parsed.problems, *stages.problems, *_base_problems(parsed, stages, args)]
    problems += strict_problems(parsed, stages)
    problems += context_problems(parsed, context)
    problems += ignore_problems(context, f"{folder}/{context.ignore_path}")
    assert context.dockerfile is not None, "its text was read"
    return DockerfileSource(
        data=context.dockerfile.read(),
        parsed=parsed,
        stages=stages,
        context=context,
        args=args,
        problems=tuple(sorted(problems, key=lambda item: (item.file, item.line, item.column))),
    )


def base_argument(environment: Environment) -> dict[str, str]:
    """What ``${BASE}`` stands for: an image, or ``environment:NAME``."""
    base = environment.base
    if isinstance(base, ImageBase):
        return {BASE: base.image}
    if isinstance(base, EnvironmentBase):
        return {BASE: f"environment:{base.environment}"}
    assert not isinstance(base, DebianBase), "the definition's rules refuse it"
    return {}


def _text(file: FolderFile | None, wanted: Dockerfile) -> str | tuple[str, str]:
    if file is None:
        return (f"there is no `{wanted.path}` in the environment's folder", "write it, and `git add` it")
    if file.mode not in (MODE_FILE, MODE_PROGRAM):
        return (f"`{wanted.path}` is not a plain file", "put a plain file there")
    data = file.read()
    if len(data) > MAX_BYTES:
        return (f"`{wanted.path}` is larger than {MAX_BYTES // 1024} KiB", "")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return (f"`{wanted.path}` is not text in UTF-8", "save it as UTF-8")
    if "\0" in text:
        return (f"`{wanted.path}` is not text, since it has a zero byte", "")
    return text


def _base_problems(parsed: Parsed, stages: Stages, args: Mapping[str, str]) -> Iterator[Problem]:
    if BASE not in args or any(f"{BASE}" in use.written and "$" in use.written for use in stages.images):
        return
    line = parsed.instructions[0].line if parsed.instructions else 1
    message = "the definition has a `base`, and no `FROM ${BASE}` starts from it"
    hint = "write `ARG BASE` and `FROM ${BASE}`, or leave `base` out of the definition"
    yield parsed.problem("dockerfile-base", message, line, hint)
