"""What a Dockerfile starts and copies from: its stages, and every image that it names.

Source: Dockerfile reference, "FROM", "Understand how ARG and FROM interact", "COPY --from", "RUN --mount".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from envcatalog.formats.docker.dockerfile import Instruction, Parsed
from envcatalog.formats.docker.expand import Unresolved, assignments, expand
from envcatalog.model.problem import Problem

Place = Literal["from", "copy", "mount", "syntax"]
SCRATCH = "scratch"
OURS = ("environment:", "oci:")  # what `BASE` may stand for, and no reference of Docker's begins with
BASE = "BASE"  # the build argument that a definition's `base` gives a value
_STAGE = re.compile(r"[a-z][a-z0-9-_.]*\Z")
# Set by BuildKit itself, in every build. Source: "Automatic platform ARGs in the global scope".
_PLATFORMS = ("TARGETPLATFORM", "BUILDPLATFORM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage.

    Attributes:
        name: lower-case; empty without ``AS``.
        image: the image that it starts from, as written; empty for ``scratch`` and another stage.
        parent: number of the stage that it starts from; None for an image or ``scratch``.
        position: of its `FROM` in the instructions.
    """

    index: int
    name: str
    image: str
    parent: int | None
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUse:
    """A place that names an image: the whole reference after substitution, and as it stands there."""

    image: str
    written: str
    line: int
    place: Place
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Stages and images of a Dockerfile, and what is wrong with them.

    Attributes:
        images: every use, in the order of the file; no stage and no ``scratch``.
        args: the build arguments that it was read with.
        buildkit: why it needs BuildKit, with the line; empty where the classic builder will do.
    """

    stages: tuple[Stage, ...]
    images: tuple[ImageUse, ...]
    buildkit: tuple[tuple[int, str], ...]
    problems: tuple[Problem, ...]
    args: Mapping[str, str] = field(default_factory=dict)

    @property
    def references(self) -> tuple[str, ...]:
        """The images, each once, sorted."""
        return tuple(sorted({use.image for use in self.images}))


def read_stages(
    parsed: Parsed, args: Mapping[str, str], *, target: str | None = None, platforms: tuple[str, ...] = ()
) -> Stages:
    """The stages, with the build arguments in place of the defaults of ``ARG`` before the first ``FROM``."""
    reader = _Reader(parsed, args, platforms)
    for position, instruction in enumerate(parsed.instructions):
        reader.take(position, instruction)
    if not reader.stages and parsed.instructions:
        line = parsed.instructions[0].line
        reader.wrong("dockerfile-from", "the Dockerfile has no `FROM`", line)
    if target is not None and reader.find(target) is None and reader.stages:
        names = ", ".join(f"`{stage.name}`" for stage in reader.stages if stage.name) or "no stage by a name"
        message = f"there is no stage `{target}`"
        reader.wrong("dockerfile-target", message, reader.line(reader.stages[-1]), f"it has {names}")
    return Stages(
        stages=tuple(reader.stages),
        images=tuple(reader.images),
        buildkit=tuple(buildkit_reasons(parsed)),
        problems=tuple(reader.problems),
        args=args,
    )


def buildkit_reasons(parsed: Parsed) -> Iterator[tuple[int, str]]:
    """What only BuildKit understands."""
    if parsed.syntax:
        yield parsed.syntax_line, "`# syntax=`"
    for instruction in parsed.instructions:
        if instruction.heredocs:
            yield instruction.line, "a here-document"
        for name, _ in instruction.flags:
            if name in ("mount", "network", "security", "link", "parents", "exclude", "checksum", "chmod"):
                yield instruction.line, f"`{instruction.keyword} --{name}`"


def whole_reference(image: str) -> str:
    """The reference with the host, path and tag that Docker adds where they are left out."""
    name, _, digest = image.partition("@")
    first, _, rest = name.partition("/")
    if not rest or not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}" if rest else f"docker.io/library/{name}"
    if not digest and ":" not in name.rpartition("/")[2]:
        name += ":latest"
    return f"{name}@{digest}" if digest else name


class _Reader:
    def __init__(self, parsed: Parsed, args: Mapping[str, str], platforms: tuple[str, ...]) -> None:
        self.parsed = parsed
        self.args = args
        self.platforms = platforms
        self.known: dict[str, str] = {}
        self.stages: list[Stage] = []
        self.named: dict[str, Stage] = {}
        self.images: list[ImageUse] = []
        self.problems: list[Problem] = []
        if parsed.syntax:
            use = ImageUse(
                image=whole_reference(parsed.syntax),
                written=parsed.syntax,
                line=parsed.syntax_line,
                place="syntax",
                position=-1,
            )
            self.images.append(use)

    def wrong(self, code: str, message: str, line: int, hint: str = "", find: str = "") -> None:
        self.problems.append(self.parsed.problem(code, message, line, hint, find))

    def line(self, stage: Stage) -> int:
        return self.parsed.instructions[stage.position].line

    def find(self, name: str) -> Stage | None:
        """A stage by name, whatever its case, or number."""
        if name.isascii() and name.isdecimal() and int(name) < len(self.stages):
            return self.stages[int(name)]
        return self.named.get(name.lower())

    def take(self, position: int, instruction: Instruction) -> None:
        if instruction.keyword == "FROM":
            self._from(position, instruction)
        elif not self.stages:
            self._before(instruction)
        elif instruction.keyword in ("COPY", "ADD"):
            source = instruction.flag("from")
            if source is not None:
                self._named(position, instruction, source, "copy")
        elif instruction.keyword == "RUN":
            for name, value in instruction.flags:
                for part in (value or "").split(",") if name == "mount" else ():
                    key, _, source = part.partition("=")
                    if key.lower() == "from":
                        self._named(position, instruction, source, "mount")

    def _before(self, instruction: Instruction) -> None:
        if instruction.keyword != "ARG":
            message = f"`{instruction.keyword}` stands before the first `FROM`, where only `ARG` may stand"
            self.wrong("dockerfile-from", message, instruction.line)
            return
        for name, default in assignments(instruction.value, self.parsed.escape):
            if name in self.args:
                self.known[name] = self.args[name]
            elif default is not None:
                try:
                    self.known[name] = expand(default, self.known, self.parsed.escape)
                except Unresolved:
                    self.known.pop(name, None)

    def _from(self, position: int, instruction: Instruction) -> None:
        words = instruction.value.split()
        good = len(words) == 1 or (len(words) == 3 and words[1].lower() == "as")
        if not good:
            self.wrong("dockerfile-from", "`FROM` is `FROM image` or `FROM image AS name`", instruction.line)
            words = words[:1]
        name = words[2].lower() if len(words) == 3 else ""
        if name and (not _STAGE.match(name) or name == SCRATCH):
            self.wrong(
                "dockerfile-from", f"`{words[2]}` cannot name a stage", instruction.line, find=words[2]
            )
        self._platform(instruction)
        written, image, parent = words[0], "", None
        try:
            image = expand(written, self.known, self.parsed.escape)
        except Unresolved as error:
            message = f"`{error}` in `FROM` has no value"
            hint = "give it a default by `ARG` before the first `FROM`, or set it in `dockerfile.args`"
            if str(error) in (f"${BASE}", f"${{{BASE}}}"):
                hint = "set `base` in the definition, or give it a default by `ARG` before the first `FROM`"
            self.wrong("dockerfile-variable", message, instruction.line, hint, str(error))
        else:
            # Only a stage by name: a number is the name of an image here.
            before = None if image.isdecimal() else self.find(image)
            parent = before.index if before else None
            if not image or any(sign.isspace() for sign in image):
                self.wrong("dockerfile-from", "`FROM` names no image", instruction.line)
                image = ""
            elif parent is not None or image == SCRATCH:
                image = ""
        if image:
            self._use(position, instruction, image, written, "from")
        stage = Stage(index=len(self.stages), name=name, image=image, parent=parent, position=position)
        self.stages.append(stage)
        if name:
            self.named[name] = stage

    def _platform(self, instruction: Instruction) -> None:
        wanted = instruction.flag("platform")
        if wanted is None or not self.platforms:
            return
        if wanted.strip("${}") not in _PLATFORMS and wanted not in self.platforms:
            message = f"`--platform={wanted}` is not a platform of this environment"
            self.wrong("dockerfile-platform", message, instruction.line, "leave the flag out", wanted)

    def _named(self, position: int, instruction: Instruction, source: str, place: Place) -> None:
        if not source or any(sign in source for sign in "$\"'"):
            message = f"`from={source}` must name a stage or an image plainly"
            self.wrong("dockerfile-copy-from", message, instruction.line, find=f"from={source}")
        elif source.isdecimal() or self.find(source) is not None:
            found = self.find(source)
            if found is None or found.index == len(self.stages) - 1:
                message = f"`from={source}` names no earlier stage"
                self.wrong("dockerfile-copy-from", message, instruction.line, find=f"from={source}")
        elif source != SCRATCH:
            self._use(position, instruction, source, source, place)

    def _use(self, position: int, instruction: Instruction, image: str, written: str, place: Place) -> None:
        if not image.startswith(OURS):
            image = whole_reference(image)
        self.images.append(
            ImageUse(image=image, written=written, line=instruction.line, place=place, position=position)
        )
