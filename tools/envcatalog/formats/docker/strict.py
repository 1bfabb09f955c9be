"""What builders of Docker read in different ways, or hide from a reader: refused, so that no image escapes its lock.

The lock and the pins hold what *we* read. A line that one builder takes for text and another for `FROM` would start a
build from an image that no lock names, so such a line is a problem and never a matter of opinion.
Source: BuildKit's frontend/dockerfile/parser of 0.8 (Docker 20.10) to 0.16, `extractBuilderFlags`, `heredocsFromLine`,
`DetectSyntax` and the line continuation of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envcatalog.formats.docker.dockerfile import DIRECTIVE, Instruction, Parsed, parse_dockerfile, split
from envcatalog.formats.docker.expand import words
from envcatalog.formats.docker.stages import Stages, read_stages
from envcatalog.model.problem import Problem

_CONTROL = re.compile(r"[\x01-\x08\x0b-\x1f\x7f]")
_LIKE_HEREDOC = re.compile(r"\d*<<-?[^<]+\Z", re.DOTALL)
# With these an engine without here-documents refuses the file before it fetches anything.
_FATAL = frozenset({"dockerfile-instruction", "dockerfile-from"})


def strict_problems(parsed: Parsed, stages: Stages) -> Iterator[Problem]:
    """Everything of a Dockerfile that is refused for being ambiguous."""
    yield from _characters(parsed)
    yield from _header(parsed)
    for instruction in parsed.instructions:
        yield from _continuations(parsed, instruction)
        yield from _flags(parsed, instruction)
        yield from _here(parsed, instruction)
        if instruction.keyword == "ONBUILD":
            yield from _onbuild(parsed, instruction)
    yield from _without_heredocs(parsed, stages)


def _characters(parsed: Parsed) -> Iterator[Problem]:
    for number, line in enumerate(parsed.lines, start=1):
        found = _CONTROL.search(line)
        if found is not None:
            message = f"a control character, `\\x{ord(found[0]):02x}`, is in this line"
            yield parsed.problem("dockerfile-control", message, number, "remove it")
            return


def _header(parsed: Parsed) -> Iterator[Problem]:
    """Directives below `#!` or an unknown one, which some builders heed."""
    start = 1 if parsed.lines and parsed.lines[0].startswith("#!") else 0
    taken = not start
    for number, line in enumerate(parsed.lines[start:], start=start + 1):
        match = DIRECTIVE.match(line.strip())
        if match is None:
            return
        name = match[1].lower()
        if name not in ("syntax", "escape", "check"):
            taken = False
        elif not taken:
            message = f"only some builders heed the directive `{name}` here"
            yield parsed.problem("dockerfile-directive", message, number, "make it the first line")


def _continuations(parsed: Parsed, instruction: Instruction) -> Iterator[Problem]:
    bodies = sum(item.content.count("\n") + 1 for item in instruction.heredocs)
    twice = re.compile(re.escape(parsed.escape) * 2 + r"[ \t]*\Z")
    for number in range(instruction.line, instruction.end - bodies + 1):
        line = parsed.lines[number - 1]
        if twice.search(line) and not line.lstrip().startswith("#"):
            message = (
                f"the line ends in two `{parsed.escape}`, and not all builders go on with the next one then"
            )
            yield parsed.problem("dockerfile-continuation", message, number, "end it in one, or in none")


def _flags(parsed: Parsed, instruction: Instruction) -> Iterator[Problem]:
    names = [name for name, _ in instruction.flags]
    quoted = any(
        sign in (value or "") for _, value in instruction.flags for sign in ("'", '"', parsed.escape)
    )
    if quoted or re.match(r"--\S", instruction.value):
        message = f"a flag of `{instruction.keyword}` has quotes or escapes, or cannot be read"
        hint = "write it as `--name=value` without quotes, and what it belongs to after it"
        yield parsed.problem("dockerfile-flag", message, instruction.line, hint, "--")
    elif names.count("from") > 1:
        message = f"`{instruction.keyword}` has `--from` twice"
        yield parsed.problem("dockerfile-flag", message, instruction.line, "keep one", "--from")


def _here(parsed: Parsed, instruction: Instruction) -> Iterator[Problem]:
    if instruction.keyword not in ("RUN", "COPY", "ADD") or instruction.json is not None:
        return
    found = [word for word in words(instruction.value) if _LIKE_HEREDOC.match(word)]
    if len(found) > len(instruction.heredocs):
        message = "builders take `<<` here for the begin of a here-document, whose name cannot be read"
        hint = "give it a name of letters, or put `<<` in quotes"
        yield parsed.problem("dockerfile-heredoc", message, instruction.line, hint, "<<")


def _onbuild(parsed: Parsed, instruction: Instruction) -> Iterator[Problem]:
    keyword, flags, value = split(instruction.value)
    inner = Instruction(keyword=keyword, flags=flags, value=value, line=instruction.line, end=instruction.end)
    yield from _flags(parsed, inner)
    if any(_LIKE_HEREDOC.match(word) for word in words(value)):
        message = "not all builders know here-documents in `ONBUILD`"
        yield parsed.problem("dockerfile-onbuild", message, instruction.line, "write it in one line", "<<")
    named = (part for name, text in flags if name == "mount" for part in (text or "").lower().split(","))
    if any(name == "from" for name, _ in flags) or any(part.startswith("from=") for part in named):
        message = f"`ONBUILD {keyword}` names an image, which no lock of those that build on this one holds"
        hint = "copy from the image here, in a step of this Dockerfile"
        yield parsed.problem("dockerfile-onbuild", message, instruction.line, hint, "from=")


def _without_heredocs(parsed: Parsed, stages: Stages) -> Iterator[Problem]:
    """An engine of before 2021 takes the body of a here-document for instructions; they must name no image."""
    if not any(instruction.heredocs for instruction in parsed.instructions):
        return
    plain = parse_dockerfile("\n".join(parsed.lines), parsed.origin, heredocs=False)
    # What has a value here has one there; any will do, since only the lines are compared.
    read = read_stages(plain, stages.args)
    if any(problem.code in _FATAL for problem in (*plain.problems, *read.problems)):
        return
    ours = {(use.line, use.place, use.image) for use in stages.images}
    for use in read.images:
        if (use.line, use.place, use.image) not in ours:
            message = (
                "a builder that knows no here-documents takes this line for an instruction with an image"
            )
            yield parsed.problem("dockerfile-heredoc", message, use.line, "write it in another way")
            return
