"""A Dockerfile's text to its instructions, as Docker's own parser splits it. Nothing is fetched, run or expanded.

Source: Dockerfile reference, "Format", "Parser directives" and "Here-Documents".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from envcatalog.formats.docker.expand import words
from envcatalog.model.problem import Problem

_KEYWORDS = (
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER"
    " VOLUME WORKDIR"
)
INSTRUCTIONS = frozenset(_KEYWORDS.split())
MAX_BYTES = 1024 * 1024
MAX_PROBLEMS = 50
MAX_INSTRUCTIONS = 2000  # an image has 127 layers at most
DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*\Z")
_HEREDOC = re.compile(r"\d*<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_.-]*)\2\Z")
_FLAG = re.compile(r"--([A-Za-z][A-Za-z0-9.-]*)(?:=(\S*))?(?:\s+|\Z)")
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Heredoc:
    """One here-document of an instruction; `expand` is False where its name is quoted."""

    name: str
    content: str
    expand: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction.

    Attributes:
        keyword: in capitals.
        flags: ``--name=value`` in front; the value is None for ``--name`` alone.
        value: the rest, continuation lines joined and comments left out.
        line, end: first and last line in the file, from 1; here-documents included.
    """

    keyword: str
    flags: tuple[tuple[str, str | None], ...]
    value: str
    line: int
    end: int
    heredocs: tuple[Heredoc, ...] = ()

    @property
    def json(self) -> tuple[str, ...] | None:
        """The words of the JSON form; None in the other one."""
        return _json_words(self.value)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the JSON form, or those between white space."""
        found = self.json
        return tuple(self.value.split()) if found is None else found

    def flag(self, name: str) -> str | None:
        """The value of a flag; the last one where it is given twice."""
        return next((value for flag, value in reversed(self.flags) if flag == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A Dockerfile.

    Attributes:
        escape: ``\\`` or what ``# escape=`` says.
        syntax: the image that ``# syntax=`` names; empty without one.
        syntax_line: of that directive, from 1.
        lines: the physical lines without their ends.
        problems: of the form alone; see `dockerfile_stages` and `dockerfile_rules` for what it means.
    """

    instructions: tuple[Instruction, ...]
    origin: str
    escape: str
    syntax: str
    syntax_line: int
    lines: tuple[str, ...] = field(repr=False)
    problems: tuple[Problem, ...] = ()

    def problem(
        self, code: str, message: str, line: int, hint: str = "", find: str = "", *, severity: str = "error"
    ) -> Problem:
        """A problem at a line, with the caret below `find` where the line has it."""
        source = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        column = source.find(find) + 1 if find else 0
        start = len(source) - len(source.lstrip()) + 1
        return Problem(
            code=code,
            message=message,
            file=self.origin,
            line=max(line, 1),
            column=column or start,
            hint=hint,
            source=source[:500],
            length=len(find) if column else max(len(source.strip()), 1),
            severity="warning" if severity == "warning" else "error",
        )


def parse_dockerfile(text: str, origin: str, *, heredocs: bool = True) -> Parsed:
    """Split a Dockerfile; what cannot be is a problem, and the rest is there all the same.

    Args:
        origin: the file's name in messages.
        heredocs: False for how a builder splits it that does not know here-documents.
    """
    lines = tuple(line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n"))
    directives, problems = _directives(lines)
    escape, _ = directives.get("escape", ("\\", 0))
    syntax, syntax_line = directives.get("syntax", ("", 0))
    empty = Parsed(
        instructions=(), origin=origin, escape=escape, syntax=syntax, syntax_line=syntax_line, lines=lines
    )
    found = [empty.problem(*problem) for problem in problems]
    if escape not in ("\\", "`"):
        line = directives["escape"][1]
        message = "`escape` must be a backslash or a backtick"
        return _with(empty, (), [*found, empty.problem("dockerfile-escape", message, line)])
    instructions = []
    for instruction, wrong in _instructions(empty, heredocs):
        if instruction is not None:
            instructions.append(instruction)
        found += wrong
        if len(found) > (MAX_PROBLEMS if heredocs else 0):  # it is refused anyway
            break
        if len(instructions) > MAX_INSTRUCTIONS:
            message = f"the Dockerfile has more than {MAX_INSTRUCTIONS} instructions"
            found.append(empty.problem("dockerfile-long", message, instructions[-1].line))
            break
    if not instructions and not found:
        found.append(empty.problem("dockerfile-empty", "the Dockerfile has no instruction", 1))
    return _with(empty, tuple(instructions), found)


def _with(empty: Parsed, instructions: tuple[Instruction, ...], problems: list[Problem]) -> Parsed:
    return Parsed(
        instructions=instructions,
        origin=empty.origin,
        escape=empty.escape,
        syntax=empty.syntax,
        syntax_line=empty.syntax_line,
        lines=empty.lines,
        problems=tuple(problems[:MAX_PROBLEMS]),
    )


def _directives(
    lines: tuple[str, ...],
) -> tuple[dict[str, tuple[str, int]], list[tuple[str, str, int]]]:
    """Directives stand at the very top: the first line that is none ends them."""
    found: dict[str, tuple[str, int]] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        match = DIRECTIVE.match(line.strip())
        if match is None:
            break
        name, value = match[1].lower(), match[2]
        if name in found:
            problems.append(("dockerfile-directive", f"the directive `{name}` is here twice", number))
        elif name in ("escape", "syntax", "check"):
            found[name] = (value, number)
        else:  # Docker takes it for a comment, and what follows for comments, too
            break
    return found, problems


def _instructions(parsed: Parsed, here: bool) -> Iterator[tuple[Instruction | None, list[Problem]]]:
    lines, index = parsed.lines, 0
    continued = re.compile(re.escape(parsed.escape) + r"[ \t]*\Z")
    while index < len(lines):
        start, text = index, lines[index].lstrip()
        index += 1
        if not text.strip() or text.startswith("#"):
            continue
        parts = [text]
        while (match := continued.search(parts[-1])) is not None:
            parts[-1] = parts[-1][: match.start()]
            # Comments and empty lines in between belong to no instruction.
            while index < len(lines) and (not lines[index].strip() or lines[index].lstrip().startswith("#")):
                index += 1
            if index == len(lines):
                break
            parts.append(lines[index])
            index += 1
        text = "".join(parts)
        keyword, flags, value = split(text)
        heredocs, index, wrong = _heredocs(parsed, keyword, value if here else "", start, index)
        instruction = Instruction(
            keyword=keyword, flags=flags, value=value, line=start + 1, end=index, heredocs=heredocs
        )
        problem = _wrong(parsed, instruction)
        yield (None if problem else instruction), ([problem] if problem else wrong)


def split(text: str) -> tuple[str, tuple[tuple[str, str | None], ...], str]:
    """Keyword, flags and the rest of one joined line."""
    keyword, _, rest = text.strip().replace("\t", " ", 1).partition(" ")
    rest = rest.strip()
    flags = []
    while (match := _FLAG.match(rest)) is not None:
        flags.append((match[1], match[2]))
        rest = rest[match.end() :]
    return keyword.upper(), tuple(flags), rest


def _heredocs(
    parsed: Parsed, keyword: str, value: str, start: int, index: int
) -> tuple[tuple[Heredoc, ...], int, list[Problem]]:
    found: list[Heredoc] = []
    if keyword not in _WITH_HEREDOCS or "<<" not in value or _json_words(value) is not None:
        return (), index, []
    for word in words(value):  # what is in quotes is none
        match = _HEREDOC.match(word)
        if match is None:
            continue
        body = []
        while index < len(parsed.lines):
            line = parsed.lines[index].lstrip("\t") if match[1] else parsed.lines[index]
            index += 1
            if line == match[3]:
                break
            body.append(line + "\n")
        else:
            message = f"the here-document `{match[3]}` has no end"
            wrong = parsed.problem("dockerfile-heredoc", message, start + 1, f"end it by a line `{match[3]}`")
            return tuple(found), index, [wrong]
        found.append(Heredoc(name=match[3], content="".join(body), expand=not match[2]))
    return tuple(found), index, []


def _json_words(value: str) -> tuple[str, ...] | None:
    try:
        found = json.loads(value) if value.startswith("[") else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        return None
    return tuple(found)


def _wrong(parsed: Parsed, instruction: Instruction) -> Problem | None:
    keyword, line = instruction.keyword, instruction.line
    if keyword not in INSTRUCTIONS:
        import difflib

        shown = keyword[:40] if keyword.isprintable() else keyword[:40].encode("unicode_escape").decode()
        near = difflib.get_close_matches(keyword[:40], sorted(INSTRUCTIONS), n=1)
        hint = f"did you mean `{near[0]}`?" if near else ""
        return parsed.problem("dockerfile-instruction", f"there is no instruction `{shown}`", line, hint)
    if not instruction.value:
        return parsed.problem("dockerfile-instruction", f"`{keyword}` says nothing more", line)
    return None
