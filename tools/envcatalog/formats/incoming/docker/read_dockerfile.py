"""A Dockerfile to a definition: the same Dockerfile, with the files that it copies, as a user-managed environment.

What a Dockerfile does cannot be said in other words without changing what comes out, so nothing is taken apart. One
that only starts from an image is that image.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import replace

from envcatalog.definition.references import image_error
from envcatalog.definition.text.foreign import refusal
from envcatalog.formats.docker.context import IGNORE, OURS, read_context
from envcatalog.formats.docker.dockerfile import MAX_BYTES, Instruction, Parsed, parse_dockerfile
from envcatalog.formats.docker.rules import context_problems, files_taken
from envcatalog.formats.docker.stages import BASE, Stages, read_stages, whole_reference
from envcatalog.model.draft import Draft, Files, Note, Wanted
from envcatalog.model.environment import (
    DEFAULT_PLATFORM,
    PLATFORMS,
    DebianBase,
    Dockerfile,
    DockerfileBase,
    Environment,
    EnvironmentBase,
    ImageBase,
)
from envcatalog.model.errors import ProblemsFound
from envcatalog.model.files import MODE_FILE, FolderFile

MAX_FILES = 1000
_FOLDER = "context"
_CONTEXT_HINT = "the folder of a Dockerfile is taken for its context; `--context DIR` names another one"
_INSIDE = re.compile(r"[A-Za-z0-9._+@-]+(?:/[A-Za-z0-9._+@-]+)*\Z")
_SAYS_NOTHING = frozenset({"ARG", "FROM", "LABEL", "MAINTAINER"})


def read(data: bytes, origin: str, files: Files, wanted: Wanted) -> Draft:
    """See `importing.read_foreign`."""
    return read_built(data, origin, files, wanted, path=posixpath.basename(origin))


def read_built(
    data: bytes, origin: str, files: Files, wanted: Wanted, *, path: str, context: str = "."
) -> Draft:
    """The same where another file says what the context is.

    Args:
        path: the Dockerfile as `files` knows it; empty where it is outside of them.
        context: the context's folder, as `files` knows it.

    Raises:
        Refusal: it cannot be built, or not without the network; ProblemsFound has every place.
    """
    parsed = parse_dockerfile(_text(data, origin), origin)
    base = _base(wanted)
    args = {BASE: "environment:x" if isinstance(base, EnvironmentBase) else base.image} if base else {}
    stages = read_stages(parsed, args, target=wanted.target)
    _refuse(parsed, stages)
    notes: list[Note] = []
    if isinstance(wanted.base, DebianBase):
        notes.append(_note(origin, "--debian", "a Dockerfile brings its own base", lost=True))
    if base is not None and not _starts_from_base(stages):
        reason = "the Dockerfile starts from what it names; write `ARG BASE` and `FROM ${BASE}` in it"
        notes.append(_note(origin, "--image", reason, lost=True))
        base = None
    plain = _plain_image(parsed, stages, wanted, origin) if base is None else None
    if plain is not None:
        return plain
    taken = _context(parsed, files, path, context)
    name = path.removeprefix("" if context == "." else f"{context}/") or posixpath.basename(origin)
    name = name if _INSIDE.match(name) else "Dockerfile"
    if not path and name in {file for file, _ in taken}:
        name += ".imported"
    folder = _FOLDER if {name, *(file for file, _ in taken)} & set(OURS) else ""
    copies = {posixpath.join(folder, inside): source for inside, source in taken}
    if path:
        copies[posixpath.join(folder, name)] = path
    texts = {} if path else {posixpath.join(folder, name): data.decode()}
    notes.append(
        _note(origin, ", ".join(sorted({*copies, *texts}))[:160], "copied beside the definition", lost=False)
    )
    environment = Environment(
        name=wanted.name,
        description=wanted.description,
        managed="user",
        base=base or DockerfileBase(),
        dockerfile=Dockerfile(path=posixpath.join(folder, name), context=folder or ".", target=wanted.target),
        platforms=wanted.platforms or _platforms(parsed),
    )
    return Draft(environment=environment, notes=tuple(notes), copies=copies, texts=texts)


def _text(data: bytes, origin: str) -> str:
    if len(data) > MAX_BYTES:
        raise refusal(origin, 0, f"the file has {len(data)} bytes, and a Dockerfile has at most {MAX_BYTES}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refusal(origin, line, "it is not UTF-8", "save the file as UTF-8") from None
    if "\0" in text:
        raise refusal(origin, text.count("\n", 0, text.index("\0")) + 1, "it has a zero byte")
    return text


def _note(origin: str, text: str, reason: str, *, lost: bool) -> Note:
    return Note(file=origin, line=0, text=text, reason=reason, lost=lost)


def _base(wanted: Wanted) -> ImageBase | EnvironmentBase | None:
    return wanted.base if isinstance(wanted.base, (ImageBase, EnvironmentBase)) else None


def _refuse(parsed: Parsed, stages: Stages) -> None:
    problems = [problem for problem in (*parsed.problems, *stages.problems) if problem.severity == "error"]
    for use in stages.images:
        error = None if use.image.startswith("environment:") else image_error(use.image)
        if error is not None:
            message = f"`{use.written}` {error[0]}"
            problems.append(parsed.problem("image-reference", message, use.line, error[1], use.written))
    if problems:
        raise ProblemsFound(problems)


def _starts_from_base(stages: Stages) -> bool:
    return any("$" in use.written and BASE in use.written for use in stages.images)


def _plain_image(parsed: Parsed, stages: Stages, wanted: Wanted, origin: str) -> Draft | None:
    """The image of a Dockerfile that adds nothing to it."""
    if len(stages.images) != 1 or len(stages.stages) != 1:
        return None
    if any(instruction.keyword not in _SAYS_NOTHING for instruction in parsed.instructions):
        return None
    use = stages.images[0]
    notes = [
        Note(
            file=origin,
            line=instruction.line,
            text=f"{instruction.keyword} {instruction.value}"[:160],
            reason="the labels of the image stay as they are",
        )
        for instruction in parsed.instructions
        if instruction.keyword in ("LABEL", "MAINTAINER")
    ]
    if whole_reference(use.written).endswith(":latest") and not use.written.endswith(":latest"):
        reason = "it names no tag, so it is `latest`; the lock holds the digest that this is now"
        notes.append(Note(file=origin, line=use.line, text=use.written, reason=reason, lost=False))
    environment = Environment(
        name=wanted.name,
        description=wanted.description,
        managed=wanted.managed or "user",
        base=ImageBase(image=use.image),
        platforms=wanted.platforms or _platforms(parsed),
    )
    return Draft(environment=environment, notes=tuple(notes), places={use.image: (origin, use.line)})


def _platforms(parsed: Parsed) -> tuple[str, ...]:
    """The one platform that every `FROM` names, or the default."""
    named = {
        instruction.flag("platform") for instruction in parsed.instructions if instruction.keyword == "FROM"
    }
    found = next(iter(named), None) if len(named) == 1 else None
    return (found,) if found in PLATFORMS else (DEFAULT_PLATFORM,)


def _context(parsed: Parsed, files: Files, path: str, context: str) -> list[tuple[str, str]]:
    """The files that the build sees: path in the context to path for `files`.

    Raises:
        Refusal: one is missing, or they are too many.
    """
    if not any(_copies(instruction) for instruction in parsed.instructions):
        return []
    prefix = "" if context == "." else f"{context}/"
    names = [name for name in files.names(context) if not name.startswith(".git/")]
    # Below a folder, so that none of them has the name of a file of ours.
    listed = [
        FolderFile(path=f"{_FOLDER}/{name}", mode=MODE_FILE, read=_reader(files, prefix + name))
        for name in names
    ]
    inside = path.removeprefix(prefix)
    found = read_context(listed, Dockerfile(path=f"{_FOLDER}/{inside}", context=_FOLDER))
    problems = context_problems(parsed, replace(found, folder=context.removeprefix(".")))
    if problems:
        raise ProblemsFound(problems, _CONTEXT_HINT)
    taken = files_taken(parsed, found)
    if found.ignore_path:
        taken.add(found.ignore_path.removeprefix(f"{_FOLDER}/"))
    if len(taken) > MAX_FILES:
        raise refusal(
            parsed.origin,
            0,
            f"it copies {len(taken)} files, and at most {MAX_FILES} are copied beside a definition",
            f"name in `{IGNORE}` what the build does not need, or let `COPY` take less",
        )
    return [(name, prefix + name) for name in sorted(taken)]


def _copies(instruction: Instruction) -> bool:
    """Whether it may see the context."""
    if instruction.keyword == "RUN":
        return any(name == "mount" for name, _ in instruction.flags)
    return instruction.keyword in ("ADD", "COPY", "ONBUILD") and instruction.flag("from") is None


def _reader(files: Files, path: str) -> Callable[[], bytes]:
    def read() -> bytes:
        data = files.read(path)
        if data is None:
            raise refusal(path, 0, "the file cannot be read")
        return data

    return read
