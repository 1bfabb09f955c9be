"""Dockerfiles that one builder reads in another way than we do, so that an image would escape its lock."""

from __future__ import annotations

import pytest

from envcatalog.definition.reader import read_environment
from envcatalog.formats.docker.source import DockerfileSource, read_source
from envcatalog.model.files import MODE_FILE, FolderFile

DEFINITION = "name: e\nmanaged: user\ndockerfile: {}\n"


def problems(text: str) -> list[tuple[str, int]]:
    """Codes and lines, of errors."""
    environment = read_environment(DEFINITION.encode(), "environment.yaml", folder="e").environment
    assert environment is not None
    file = FolderFile(path="Dockerfile", mode=MODE_FILE, read=text.encode)
    other = FolderFile(path="a", mode=MODE_FILE, read=lambda: b"")
    source = read_source(environment, (file, other), "catalog/e")
    assert isinstance(source, DockerfileSource)
    return [(problem.code, problem.line) for problem in source.problems]


HIDDEN = {
    "mount with quotes of CSV": ('RUN --mount=type=bind,"from=evil",target=/x true', ("dockerfile-flag", 2)),
    "mount with an escape": ("RUN --mount=type=bind,fr\\om=evil,target=/x true", ("dockerfile-flag", 2)),
    "flag with quotes in its name": ('RUN --mo"unt=from=evil,target=/x" true', ("dockerfile-flag", 2)),
    "flag with an escape": ("COPY --fr\\om=evil /a /b", ("dockerfile-flag", 2)),
    "flag behind a quoted one": ('COPY --chown="1 2" --from=evil /a /b', ("dockerfile-flag", 2)),
    "from twice": ("COPY --from=evil --from=other /a /b", ("dockerfile-flag", 2)),
    "two escapes at the end": ("RUN echo a \\\\\nFROM evil", ("dockerfile-continuation", 2)),
    "here-document for no old builder": (
        "RUN cat <<EOF\nFROM evil\nRUN echo \\\nEOF",
        ("dockerfile-heredoc", 3),
    ),
    "here-document of an odd name": ("RUN <<1 cat\nARG X\nARG Y", ("dockerfile-heredoc", 2)),
    "onbuild from": ("ONBUILD COPY --from=evil /a /b", ("dockerfile-onbuild", 2)),
    "onbuild mount": ("ONBUILD RUN --mount=type=bind,From=evil true", ("dockerfile-onbuild", 2)),
    "onbuild here-document": ("ONBUILD RUN <<EOF cat", ("dockerfile-onbuild", 2)),
    "control character": ("RUN echo \x1c a", ("dockerfile-control", 2)),
    "address in a variable": ("ARG U=http://example.com/x\nADD $U /x", ("dockerfile-add-network", 3)),
    "address in part in a variable": ("ARG U=//h/x\nADD http:$U /x", ("dockerfile-add-network", 3)),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_hides_an_image_is_refused(name: str) -> None:
    text, expected = HIDDEN[name]
    assert expected in problems(f"FROM good\n{text}\n")


@pytest.mark.parametrize(
    "text",
    ["#!/usr/bin/env x\n# syntax=evil\nFROM good\n", "# foo=bar\n# syntax=evil\nFROM good\n"],
)
def test_a_directive_that_some_builders_heed_is_refused(text: str) -> None:
    assert problems(text) == [("dockerfile-directive", 2)]


def test_the_names_of_a_mount_have_no_case() -> None:
    environment = read_environment(DEFINITION.encode(), "environment.yaml", folder="e").environment
    assert environment is not None
    text = b"FROM good\nRUN --mount=type=bind,FROM=evil,target=/x true\n"
    file = FolderFile(path="Dockerfile", mode=MODE_FILE, read=lambda: text)
    source = read_source(environment, (file,), "catalog/e")
    assert isinstance(source, DockerfileSource)
    assert source.stages.references == ("docker.io/library/evil:latest", "docker.io/library/good:latest")


def test_words_in_quotes_begin_no_here_document() -> None:
    text = 'FROM good\nRUN echo "a <<EOF b"\nFROM evil AS two\nRUN echo \\\nEOF\n'
    environment = read_environment(DEFINITION.encode(), "environment.yaml", folder="e").environment
    assert environment is not None
    file = FolderFile(path="Dockerfile", mode=MODE_FILE, read=text.encode)
    source = read_source(environment, (file,), "catalog/e")
    assert isinstance(source, DockerfileSource)
    assert "docker.io/library/evil:latest" in source.stages.references


@pytest.mark.parametrize(
    "text",
    [
        "# A note\n# syntax=docker/dockerfile:1\nFROM good\n",  # a comment for every builder
        "FROM good\nRUN python3 <<EOF\nfrom os import path\nFROM x AS y\nEOF\n",
        "FROM good\nRUN [ -f /a ] && cat <<EOF\nhello there\nEOF\n",
        'FROM good\nRUN ["echo", "<<EOF"]\nRUN echo $((1 << 2)) \'<<2)\'\n',
        "FROM good\nRUN --mount=type=cache,target=/var/cache -- true\nCOPY --chown=1:1 a ./$X/\n",
        "FROM good\nARG X\nADD ./a$X /b\nRUN echo a \\\n  # ends in \\\\\n  b\n",
        "FROM good\nRUN printf 'a\\\\b' && echo \\\\ c\n",
    ],
)
def test_what_all_builders_read_alike_is_no_problem(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize("name", ["BUILDKIT_SYNTAX", "buildkit_syntax", "BUILDKIT_CONTEXT_KEEP_GIT_DIR"])
def test_an_argument_cannot_choose_the_builder(name: str) -> None:
    text = f"name: e\nmanaged: user\ndockerfile:\n  args: {{{name}: evil/image}}\n"
    found = read_environment(text.encode(), "environment.yaml", folder="e").problems
    assert [(item.code, item.line, item.message) for item in found] == [
        ("dockerfile-args", 4, f"the build argument `{name}` would change the builder itself")
    ]


DOUBLED = "ARG A0=xx\n" + "".join(f"ARG A{n + 1}=${{A{n}}}${{A{n}}}\n" for n in range(60)) + "FROM ${A60}\n"
LARGE = {
    "a value that doubles": (DOUBLED, [("dockerfile-variable", 62)]),
    "many instructions": ("FROM a\n" + "RUN a\n" * 100_000, [("dockerfile-long", 2001)]),
    "many stages": (
        "FROM a\n" + "".join(f"FROM a AS a{n}\n" for n in range(30_000)),
        [("dockerfile-long", 2001)],
    ),
    "many sources": ("FROM a\nCOPY " + "a " * 200_000 + "/b/\n", [("dockerfile-long", 2)]),
    "many continuations": ("FROM a\nRUN a \\\n" + "b \\\n" * 100_000, []),
    "one long word": ("FROM a\nRUN " + "<<'" + "a" * 1_000_000 + "\n", [("dockerfile-heredoc", 2)]),
}


@pytest.mark.parametrize("name", LARGE)
def test_size_costs_no_more_than_its_reading(name: str) -> None:
    """Each took from 3 seconds to for ever, or all memory, when something in it was quadratic or worse."""
    text, expected = LARGE[name]
    assert problems(text) == expected
