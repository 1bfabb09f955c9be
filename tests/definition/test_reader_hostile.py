"""Files that are made to hurt: nothing raises, takes a second or 256 MB, and each is refused at its place."""

from __future__ import annotations

import subprocess
import sys

import pytest

from envcatalog.definition.reader import Reading, read_environment, read_settings

MIB = 1 << 20
HEAD = b"name: example\nbase: {debian: bookworm}\n"


def read(data: bytes) -> Reading:
    return read_environment(data, "catalog/example/environment.yaml", folder="example")


def brief(data: bytes) -> list[tuple[int, int, str]]:
    return [(problem.line, problem.column, problem.code) for problem in read(data).problems]


MERGE_BOMB = b"a0: &a0 {k: v}\n" + b"".join(
    b"a%d: &a%d {<<: [%s]}\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)
)
LAUGHS = b"l0: &l0 [lol]\n" + b"".join(
    b"l%d: &l%d [%s]\n" % (i, i, b",".join([b"*l%d" % (i - 1)] * 9)) for i in range(1, 12)
)
BOMBS = {
    "merge": MERGE_BOMB,
    "laughs": LAUGHS,
    "deep-flow": b"a: " + b"[" * 500 + b"]" * 500,
    "deepest-flow": b"[" * (MIB - 1),
    "deep-mappings": b"{a: " * 200_000,
    "deep-block": b"".join(b" " * i + b"- \n" for i in range(1000)),
    "deep-one-line": b"- " * (MIB // 2 - 1),
    "deep-keys": b"? " * (MIB // 2 - 1),
    "many-items": HEAD + b"apt:\n" + b"- ab\n" * 200_000,
    "mixed-items": HEAD + b"apt: [" + b"{}, 1, [], ab, " * 2000 + b"x]\n",
    "many-unknown-keys": b"".join(b"unknown_key_number_%d: x\n" % i for i in range(9000)),
    "many-ambiguous": b"tags:\n" + b"".join(b"  a%d: 0%o\n" % (i, i) for i in range(9000)),
    "many-duplicates": b"name: example\n" * 70_000,
    "many-bad-requirements": HEAD
    + b'python:\n  version: "3.11"\n  packages:\n'
    + b"".join(b'    - "a%d (((>"\n' % i for i in range(5000)),
    "long-line": b"name: " + b"a" * (MIB - 10),
    "long-name": b"name: " + b"a-" * (MIB // 2 - 10),
    "long-path": HEAD + b"container: {workdir: " + b"/a" * 400_000 + b"!}\n",
    "long-image": b"name: example\nbase: {image: " + b"a-" * 400_000 + b"}\n",
    "long-digits": HEAD + b"inference: {port: " + b"9" * 900_000 + b"}\n",
    "long-float": HEAD + b"inference: {port: 1e" + b"9" * 900_000 + b"}\n",
    "long-base-60": HEAD + b"inference: {port: 1" + b":59" * 300_000 + b"}\n",
    "long-underscores": HEAD + b"inference: {port: 1" + b"_" * 900_000 + b"x}\n",
    "marker-parentheses": HEAD + b'python: {version: "3.11", packages: ["a; ' + b"(" * 490 + b'"]}\n',
    "control": b"\x00" * MIB,
    "colons": b":" * MIB,
    "quotes": b'"' * MIB,
    "tabs": b"\t" * MIB,
    "escapes": HEAD + b'description: "' + b"\\u202e" * 100_000 + b'"\n',
    "comments": b"#\n" * (MIB // 2),
    "documents": b"---\n" * (MIB // 4),
    "directives": b"%YAML 1.1\n" * 100_000,
    "anchors": HEAD + b"apt:\n" + b"".join(b"- &a%d x\n" % i for i in range(20_000)),
    "too-large": b"#" * (MIB + 1),
}

# Not `ru_maxrss`: it counts the memory of the process that started this one.
_MEASURE = """
import sys, time
from envcatalog.definition.reader import read_environment, read_settings
data = sys.stdin.buffer.read()
start = time.process_time()
readings = read_environment(data, "f", folder="example"), read_settings(data, "f")
print(time.process_time() - start, int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024)
print(*(len(reading.problems) for reading in readings))
"""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_less_than_a_second_and_256_mb(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE], input=BOMBS[name], capture_output=True, timeout=60
    )
    assert done.stderr == b""
    seconds, megabytes, *problems = map(float, done.stdout.split())
    assert seconds < 2  # both readings
    assert megabytes < 256
    assert 1 <= problems[0] <= 101


def test_limits_name_their_place() -> None:
    assert brief(BOMBS["deep-flow"]) == [(1, 35, "yaml-depth")]
    assert brief(BOMBS["many-items"])[0][2] == "yaml-too-many-values"
    assert brief(BOMBS["too-large"]) == [(1, 1, "file-too-large")]
    assert brief(MERGE_BOMB)[0] == (1, 5, "yaml-anchor")
    codes = [code for _, _, code in brief(BOMBS["many-unknown-keys"])]
    assert len(codes) == 101
    assert codes[-1] == "too-many-problems"


def test_a_file_that_is_not_utf8() -> None:
    assert [(p.code, p.line, p.column, p.message) for p in read(b"name: a\ndescr: \xff\n").problems] == [
        ("file-not-utf8", 2, 8, "the byte `0xff` is not UTF-8")
    ]
    assert brief("name: example\n".encode("utf-16"))[0][2] == "file-not-utf8"


CONTROL = "\x00\x07\x1b\r\x7f\x85\u00ad\u200b\u2028\ufeff\U000e0041"
BIDI = "\u202e\u2066\u200f"


@pytest.mark.parametrize(
    ("character", "code"),
    [
        *((character, "text-control") for character in CONTROL),
        *((character, "text-bidi") for character in BIDI),
    ],
    ids=ascii,
)
def test_unseen_characters(character: str, code: str) -> None:
    written = f"name: example\nbase: {{debian: bookworm}}\ndescription: ab{character}c\ntags: [\n"
    assert brief(written.encode())[0] == (3, 16, code)
    escaped = HEAD + f'description: "ab\\U{ord(character):08x}c"\n'.encode()
    assert brief(escaped) == [(3, 14, code)]


def test_everything_else_is_reported_beside_unseen_characters() -> None:
    data = "name: exam\u202eple\nbase: {debian: BOOK}\n".encode()
    assert brief(data) == [(1, 11, "text-bidi"), (2, 16, "schema-pattern")]


def test_an_escaped_half_of_a_surrogate_pair_is_refused() -> None:
    assert brief(HEAD + b'description: "\\ud800"\n')[0][2] in ("yaml-syntax", "text-control")


def test_a_byte_order_mark_and_windows_line_ends_are_read_over() -> None:
    reading = read(b"\xef\xbb\xbfname: example\r\nbase: {debian: bookworm}\r\nx: 1\r\n")
    assert [(p.line, p.column, p.source) for p in reading.problems] == [(3, 1, "x: 1")]


def test_settings_may_be_empty_and_a_definition_may_not() -> None:
    assert read_settings(b"", "catalog/catalog.yaml").settings is not None
    assert [problem.code for problem in read(b"").problems] == ["file-empty"]
    assert [problem.code for problem in read(b"---\n").problems] == ["file-empty"]


def test_users_and_passwords_are_never_shown() -> None:
    data = HEAD + b'python: {version: "3.11", packages: ["git+https://bob:s3cret@example.com/r"]}\n'
    (problem,) = read(data).problems
    assert "s3cret" not in repr(problem)
    assert len(problem.source) == len(data.decode().split("\n")[2])


def test_a_later_rule_finds_its_place() -> None:
    reading = read(HEAD + b"tags: {a: b}\npython:\n  version: '3.11'\n  packages:\n    - numpy\n")
    problem = reading.problem("x", "message", ("python", "packages", 0), "hint", "warning")
    assert (problem.line, problem.column, problem.length, problem.severity) == (7, 7, 5, "warning")
    assert reading.problem("x", "message", ("python", "nothing")).line == 4
    assert reading.problem("x", "message").line == 1
