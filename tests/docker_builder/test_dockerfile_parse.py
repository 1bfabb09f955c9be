"""Dockerfiles as text: instructions, stages, images, and their replacement by digests."""

from __future__ import annotations

import random

import pytest

from envcatalog.formats.docker.dockerfile import parse_dockerfile
from envcatalog.formats.docker.expand import Unresolved, expand
from envcatalog.formats.docker.pin import pin_images
from envcatalog.formats.docker.stages import read_stages, whole_reference
from envcatalog.model.errors import Refusal

EVERYTHING = """\
# syntax=docker/dockerfile:1.4
# escape=`

ARG VERSION=3.12
ARG BASE
FROM --platform=$TARGETPLATFORM python:${VERSION}-slim AS Build
RUN --mount=type=bind,from=busybox:1,target=/x echo `
  # a comment within

  two
COPY <<EOT <<-"END" /files/
hello
FROM nowhere
EOT
	indented
	END
FROM ${BASE}
COPY --from=build /a /b
COPY --from=0 /a /b
copy --from=registry.example.com:5000/tools:1 ["/a b", "/c"]
HEALTHCHECK CMD true
"""


def kinds(text: str) -> list[tuple[str, int, int]]:
    parsed = parse_dockerfile(text, "Dockerfile")
    assert parsed.problems == ()
    return [(item.keyword, item.line, item.end) for item in parsed.instructions]


def found(text: str, **args: str) -> list[tuple[int, int, str, str]]:
    parsed = parse_dockerfile(text, "f")
    problems = (*parsed.problems, *read_stages(parsed, args).problems)
    return [(item.line, item.column, item.message, item.hint) for item in problems]


def test_instructions_with_their_lines() -> None:
    assert kinds(EVERYTHING) == [
        ("ARG", 4, 4),
        ("ARG", 5, 5),
        ("FROM", 6, 6),
        ("RUN", 7, 10),
        ("COPY", 11, 16),
        ("FROM", 17, 17),
        ("COPY", 18, 18),
        ("COPY", 19, 19),
        ("COPY", 20, 20),
        ("HEALTHCHECK", 21, 21),
    ]
    parsed = parse_dockerfile(EVERYTHING, "f")
    assert (parsed.escape, parsed.syntax, parsed.syntax_line) == ("`", "docker/dockerfile:1.4", 1)
    run, copy, words = parsed.instructions[3], parsed.instructions[4], parsed.instructions[8]
    assert run.flag("mount") == "type=bind,from=busybox:1,target=/x"
    assert run.value == "echo   two"
    assert [(item.name, item.content, item.expand) for item in copy.heredocs] == [
        ("EOT", "hello\nFROM nowhere\n", True),
        ("END", "indented\n", False),
    ]
    assert words.json == ("/a b", "/c")


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    assert kinds("\ufeffFROM a\r\nRUN one \\\r\n  two\r\n") == [("FROM", 1, 1), ("RUN", 2, 3)]


def test_other_line_ends_of_unicode_end_no_line() -> None:
    assert kinds("FROM a\nRUN x\u2028FROM b\x0bFROM c\x85FROM d\rFROM e\n") == [("FROM", 1, 1), ("RUN", 2, 2)]


def test_a_directive_is_none_after_the_first_other_line() -> None:
    parsed = parse_dockerfile("# a comment\n# escape=`\nFROM a\nRUN x \\\n y\n", "f")
    assert (parsed.escape, len(parsed.instructions)) == ("\\", 2)


def test_stages_and_images() -> None:
    parsed = parse_dockerfile(EVERYTHING, "f")
    stages = read_stages(parsed, {"BASE": "oci:bases:tiny", "VERSION": "3.13"}, platforms=("linux/amd64",))
    assert stages.problems == ()
    assert [(item.index, item.name, item.image, item.parent) for item in stages.stages] == [
        (0, "build", "python:3.13-slim", None),
        (1, "", "oci:bases:tiny", None),
    ]
    assert [(use.image, use.written, use.line, use.place) for use in stages.images] == [
        ("docker.io/docker/dockerfile:1.4", "docker/dockerfile:1.4", 1, "syntax"),
        ("docker.io/library/python:3.13-slim", "python:${VERSION}-slim", 6, "from"),
        ("docker.io/library/busybox:1", "busybox:1", 7, "mount"),
        ("oci:bases:tiny", "${BASE}", 17, "from"),
        ("registry.example.com:5000/tools:1", "registry.example.com:5000/tools:1", 20, "copy"),
    ]
    assert stages.buildkit == ((1, "`# syntax=`"), (7, "`RUN --mount`"), (11, "a here-document"))


def test_a_stage_before_an_image_and_scratch() -> None:
    parsed = parse_dockerfile("FROM scratch AS one\nFROM one AS two\nFROM 0\nCOPY --from=1 a b\n", "f")
    stages = read_stages(parsed, {})
    assert [(item.image, item.parent) for item in stages.stages] == [("", None), ("", 0), ("0", None)]
    assert stages.references == ("docker.io/library/0:latest",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python", "docker.io/library/python:latest"),
        ("a/b:1", "docker.io/a/b:1"),
        ("localhost/a", "localhost/a:latest"),
        ("host.example.com:5000/a/b", "host.example.com:5000/a/b:latest"),
        ("127.0.0.1:5000/a@sha256:" + 64 * "a", "127.0.0.1:5000/a@sha256:" + 64 * "a"),
    ],
)
def test_what_docker_adds_to_a_reference(text: str, expected: str) -> None:
    assert whole_reference(text) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$A-x", "1-x"),
        ("${A}${B:-two}", "1two"),
        ("${E:-empty}${E-kept}|", "empty|"),
        ("${A:+yes}${B:+no}", "yes"),
        ("${B:-${A}}", "1"),
        (r"\$A'$A'\"$A\"", '$A$A"1"'),
        ("a$", "a$"),
    ],
)
def test_variables(word: str, expected: str) -> None:
    assert expand(word, {"A": "1", "E": ""}) == expected


@pytest.mark.parametrize("word", ["$B", "${B}", "${B:?no}", "${A#x}", "${A", "${B:-" * 50])
def test_variables_without_a_value(word: str) -> None:
    with pytest.raises(Unresolved):
        expand(word, {"A": "1"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, 1, "the Dockerfile has no instruction", "")]),
        ("RUN x\n", [(1, 1, "`RUN` stands before the first `FROM`, where only `ARG` may stand", ""),
                     (1, 1, "the Dockerfile has no `FROM`", "")]),
        ("FORM x\nFROM a\n", [(1, 1, "there is no instruction `FORM`", "did you mean `FROM`?")]),
        ("FROM a\nRUN\n", [(2, 1, "`RUN` says nothing more", "")]),
        ("FROM a b\n", [(1, 1, "`FROM` is `FROM image` or `FROM image AS name`", "")]),
        ("FROM a AS 1\n", [(1, 11, "`1` cannot name a stage", "")]),
        ("FROM $X\n", [(1, 6, "`$X` in `FROM` has no value",
                        "give it a default by `ARG` before the first `FROM`, or set it in `dockerfile.args`")]),
        ("FROM a\nCOPY --from=1 x y\n", [(2, 8, "`from=1` names no earlier stage", "")]),
        ("FROM a\nCOPY --from=$X x y\n", [(2, 8, "`from=$X` must name a stage or an image plainly", "")]),
        ("# escape=x\nFROM a\n", [(1, 1, "`escape` must be a backslash or a backtick", "")]),
        ("FROM a\nRUN <<END\nx\n", [(2, 1, "the here-document `END` has no end", "end it by a line `END`")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_its_place(text: str, expected: list[tuple[int, int, str, str]]) -> None:
    assert found(text) == expected


def test_a_base_that_the_definition_does_not_set() -> None:
    assert found("ARG BASE\nFROM ${BASE}\n") == [
        (2, 6, "`${BASE}` in `FROM` has no value",
         "set `base` in the definition, or give it a default by `ARG` before the first `FROM`")
    ]  # fmt: skip


def pin(text: str, **args: str) -> str:
    parsed = parse_dockerfile(text, "f")
    stages = read_stages(parsed, args)
    return pin_images(parsed, stages, {name: f"pinned/{name[-6:]}" for name in stages.references}, args)


def test_images_are_replaced_and_nothing_else() -> None:
    before = EVERYTHING.split("\n")
    after = pin(EVERYTHING, BASE="oci:bases:tiny").split("\n")
    assert len(before) == len(after)
    assert {number: line for number, line in enumerate(after, 1) if line != before[number - 1]} == {
        1: "# syntax=pinned/le:1.4",
        6: "FROM --platform=$TARGETPLATFORM pinned/2-slim AS Build",
        7: "RUN --mount=type=bind,from=pinned/ybox:1,target=/x echo `",
        17: "FROM pinned/s:tiny",
        20: 'copy --from=pinned/ools:1 ["/a b", "/c"]',
    }


def test_an_image_over_several_lines_is_replaced_and_line_numbers_stay() -> None:
    lines = pin("FROM \\\n  a:1 \\\n  AS x\nRUN y\n").split("\n")
    assert (lines[0].split()[-2:], lines[1:]) == (["AS", "x"], ["", "", "RUN y", ""])


def test_an_image_that_is_hidden_in_continuation_lines_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        pin("FROM a\nCOPY --fr\\\nom=b:1 /x /y\n")
    assert str(caught.value) == "the images of `f` cannot be replaced by their digests"


def test_no_text_hangs_or_raises() -> None:
    """Texts of the pieces that mean something; whatever comes out, it is an answer."""
    pieces = ["FROM a", " AS b", "\n", "\\\n", "# escape=`\n", "RUN <<E\n", "E\n", "COPY --from=", "$", "${", "}",
              "[", "\"", "'", "ARG x=", "\t", "ONBUILD ", "\u2028", "--", "=", "0", "\r\n"]  # fmt: skip
    chance = random.Random(6)
    for _ in range(500):
        text = "".join(chance.choices(pieces, k=chance.randrange(40)))
        parsed = parse_dockerfile(text, "f")
        stages = read_stages(parsed, {"x": "1"}, target="b")
        assert all(problem.message and problem.line >= 1 for problem in (*parsed.problems, *stages.problems))
