"""A Dockerfile with every image in it replaced by another reference, and nothing else changed.

Lines keep their numbers. What comes out is read again and compared, so a construct that was overlooked ends in an
error and never in a build of something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from envcatalog.formats.docker.dockerfile import Instruction, Parsed, parse_dockerfile
from envcatalog.formats.docker.stages import ImageUse, Stages, read_stages
from envcatalog.model.errors import Refusal


def pin_images(parsed: Parsed, stages: Stages, pins: Mapping[str, str], args: Mapping[str, str]) -> str:
    """The text with each image replaced.

    Args:
        pins: what to write for each of `stages.references`.
        args: the build arguments that `stages` was read with.

    Raises:
        Refusal: an image is named in a way that cannot be replaced.
    """
    lines = list(parsed.lines)
    for use in stages.images:
        _replace(parsed, lines, use, pins[use.image])
    text = "\n".join(lines)
    _check(parsed, stages, pins, args, text)
    return text


def _replace(parsed: Parsed, lines: list[str], use: ImageUse, pin: str) -> None:
    if use.place == "syntax":
        lines[use.line - 1] = f"# syntax={pin}"
        return
    instruction = parsed.instructions[use.position]
    if use.place == "from":
        words = [f"--{name}={value}" for name, value in instruction.flags]
        rest = instruction.value.split()[1:]
        lines[instruction.line - 1] = " ".join(["FROM", *words, pin, *rest])
        for number in range(instruction.line, instruction.end):
            lines[number] = ""
        return
    pattern = re.compile(r"(?<=\bfrom=)" + re.escape(use.written) + r"(?=[\s,]|\Z)")
    for number in range(instruction.line - 1, instruction.end):
        lines[number] = pattern.sub(lambda _: pin, lines[number])


def _check(
    parsed: Parsed, stages: Stages, pins: Mapping[str, str], args: Mapping[str, str], text: str
) -> None:
    again = parse_dockerfile(text, parsed.origin)
    found = read_stages(again, args)
    wanted = [(pins[use.image], use.place) for use in stages.images]
    same = [_bare(item) for item in parsed.instructions] == [_bare(item) for item in again.instructions]
    if again.problems or not same or [(use.written, use.place) for use in found.images] != wanted:
        raise Refusal(
            f"the images of `{parsed.origin}` cannot be replaced by their digests",
            "write each `FROM` and each `from=` on one line",
        )


def _bare(instruction: Instruction) -> Instruction:
    """The instruction without what may have been replaced."""
    if instruction.keyword == "FROM":
        return replace(instruction, value=" ".join(instruction.value.split()[1:]), end=instruction.line)
    flags = tuple(
        (name, re.sub(r"\bfrom=[^,]*", "from=", value) if name == "mount" and value else value)
        for name, value in instruction.flags
        if name != "from"
    )
    return replace(instruction, flags=flags)
