"""What must not be in a Dockerfile whose build is to be known beforehand: the network, and files from elsewhere.

Only the text and the names of the context's files are looked at; links alone are read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from envcatalog.formats.docker.context import Context, is_link, link_target
from envcatalog.formats.docker.dockerfile import MAX_PROBLEMS, Instruction, Parsed
from envcatalog.formats.docker.dockerignore import wildcard
from envcatalog.model.files import MODE_SUBMODULE, FolderFile
from envcatalog.model.problem import Problem

_REMOTE = re.compile(r"(?:https?|ftp|git|ssh|oci)://|git@[^/\s]+:|[\w.-]+\.git(?:#|\Z)", re.IGNORECASE)
_HERE = re.compile(r"[^:$@]*/")  # in front of every variable
MAX_SOURCES = 1000  # each is compared with every file
_FROM_HERE = "download the file once and commit it, or let a `RUN` step get it and check its digest"


def context_problems(parsed: Parsed, context: Context) -> tuple[Problem, ...]:
    """Of every `COPY` and `ADD` from the context, and of the ignore file."""
    found: list[Problem] = []
    looked = 0
    for instruction in parsed.instructions:
        copies = _unwrapped(instruction)
        if copies is None or copies.flag("from") is not None:
            continue
        for source in _sources(copies):
            looked += 1
            if looked > MAX_SOURCES or len(found) >= MAX_PROBLEMS:
                message = f"more than {MAX_SOURCES} sources are copied, or too many of them are wrong"
                found.append(parsed.problem("dockerfile-long", message, instruction.line))
                return tuple(found)
            found += _source(parsed, context, copies, source)
    return tuple(found)


def files_taken(parsed: Parsed, context: Context) -> set[str]:
    """Paths of all files of the context that a `COPY`, an `ADD` or a bind mount of `RUN` may see."""
    places = set()
    for instruction in parsed.instructions:
        copies = _unwrapped(instruction)
        if copies is not None and copies.flag("from") is None:
            places |= {posixpath.normpath(source.lstrip("/") or ".") for source in _sources(copies)}
        places |= {place for name, value in instruction.flags if name == "mount" for place in _mounted(value)}
    found: set[str] = set()
    for place in places:
        try:
            # A variable in a source may stand for any file.
            found |= {file.path for file in _taken(context.files, "." if "$" in place else place)}
        except ValueError:
            continue
    return found


def _mounted(value: str | None) -> Iterator[str]:
    parts = dict(part.partition("=")[::2] for part in (value or "").split(","))
    if parts.get("type", "bind") == "bind" and "from" not in parts:
        source = parts.get("source") or parts.get("src") or "."
        yield posixpath.normpath(source.lstrip("/") or ".")


def ignore_problems(context: Context, origin: str) -> Iterator[Problem]:
    """Lines of the ignore file that mean nothing; `origin` is its name in messages."""
    lines = context.ignore_text.split("\n")
    for number, message in context.ignore.wrong:
        source = lines[number - 1].rstrip("\r")
        yield Problem(
            code="dockerignore-pattern",
            message=message,
            file=origin,
            line=number,
            source=source[:500],
            length=max(len(source), 1),
        )


def _unwrapped(instruction: Instruction) -> Instruction | None:
    """The instruction itself, or what `ONBUILD` keeps for later, if it copies."""
    if instruction.keyword == "ONBUILD":
        match = re.match(r"(ADD|COPY)\s+(.*)", instruction.value, re.IGNORECASE | re.DOTALL)
        if match is None:
            return None
        words, flags = match[2].split(), []
        while words and words[0].startswith("--"):
            name, _, value = words.pop(0)[2:].partition("=")
            flags.append((name, value))
        return Instruction(
            keyword=match[1].upper(),
            flags=tuple(flags),
            value=" ".join(words),
            line=instruction.line,
            end=instruction.end,
        )
    return instruction if instruction.keyword in ("ADD", "COPY") else None


def _sources(instruction: Instruction) -> Iterator[str]:
    for word in instruction.words[:-1]:
        if "<<" not in word or instruction.json is not None:
            yield word.strip("\"'")


def _source(parsed: Parsed, context: Context, instruction: Instruction, source: str) -> Iterator[Problem]:
    keyword, line = instruction.keyword, instruction.line
    if keyword == "ADD" and _REMOTE.match(source):
        message = "`ADD` takes a file from the network"
        yield parsed.problem("dockerfile-add-network", message, line, _FROM_HERE, source)
        return
    if keyword == "ADD" and "$" in source and not _HERE.match(source):
        message = f"`ADD` takes `{source[:60]}`, and a variable could make that an address"
        hint = "use `COPY`, which takes files of the context alone, or begin it with `./`"
        yield parsed.problem("dockerfile-add-network", message, line, hint, source)
        return
    if "$" in source:  # its value is known to the build alone, which finds the same files or fails
        return
    place = posixpath.normpath(source.lstrip("/") or ".")
    if place == ".." or place.startswith("../"):
        message = f"`{keyword}` takes `{source}` from outside of the context"
        hint = "set `dockerfile.context` to a folder that holds it, or move it"
        yield parsed.problem("dockerfile-copy-outside", message, line, hint, source)
        return
    try:
        taken = _taken(context.files, place)
    except ValueError:
        message = f"`{source}` is not a pattern"
        yield parsed.problem("dockerfile-copy-missing", message, line, find=source)
        return
    if not taken:
        yield _missing(parsed, context, instruction, source, place)
    for file in taken[:1000]:
        problem = _odd(parsed, instruction, source, file, whole=file.path == place)
        if problem is not None:
            yield problem
            return


def _taken(files: Sequence[FolderFile], place: str) -> list[FolderFile]:
    """The files that a source means: itself, or all below it; of a link in its way, the link."""
    if place == ".":
        return list(files)
    depth = place.count("/") + 1
    pattern = wildcard(place)
    found = []
    for file in files:
        parts = file.path.split("/")
        if pattern.fullmatch("/".join(parts[:depth])) or (
            is_link(file) and place.startswith(file.path + "/")
        ):
            found.append(file)
    return found


def _missing(parsed: Parsed, context: Context, instruction: Instruction, source: str, place: str) -> Problem:
    left_out = [path for path in context.left_out if path == place or path.startswith(place + "/")]
    message, hint = f"there is no `{source}` in the context", ""
    if left_out:
        message, hint = (
            f"`{source}` is left out by `{context.ignore_path}`",
            "add a line with `!` for it there",
        )
    elif place in ("environment.yaml", "lock.json") and not context.folder:
        hint = f"`{place}` is never part of the context"
    elif context.folder:
        hint = f"the context is the folder `{context.folder}`"
    else:
        hint = "it may be a file that Git ignores, or one that is nowhere"
    return parsed.problem("dockerfile-copy-missing", message, instruction.line, hint, source)


def _odd(
    parsed: Parsed, instruction: Instruction, source: str, file: FolderFile, *, whole: bool
) -> Problem | None:
    line = instruction.line
    if file.mode == MODE_SUBMODULE:
        message = f"`{file.path}` is a submodule, whose files are not in this repository"
        return parsed.problem("dockerfile-copy-submodule", message, line, "commit its files", source)
    if not is_link(file) or link_target(file) is not None:
        return None
    target = file.read().decode("utf-8", "replace")[:100]
    # Below a copied folder an absolute link stays a link, and names a place in the image.
    if target.startswith("/") and not whole and not source.startswith(file.path + "/"):
        return None
    message = f"`{file.path}` is a symbolic link out of the context, to `{target}`"
    return parsed.problem("dockerfile-copy-link", message, line, "put the file itself there", source)
