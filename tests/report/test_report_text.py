"""What people read."""

from dataclasses import replace

import pytest

from envcatalog.model.change import Change
from envcatalog.model.environment import DebianBase, Environment, Python
from envcatalog.model.errors import Refusal
from envcatalog.model.image import BuiltImage
from envcatalog.model.lock import Lock, PlatformLock, Wheel
from envcatalog.model.plan import Action
from envcatalog.model.problem import Problem
from envcatalog.model.result import CheckReport, CheckResult, Finding, Listed, Locked, Published
from envcatalog.report import show, text
from envcatalog.report.problems import source_and_caret
from envcatalog.report.safe import visible, width

DIGEST = "sha256:" + "ab" * 32


def problem(**changes) -> Problem:
    values = {
        "code": "schema-unknown-key",
        "message": "`versoin` is not a key of `python`",
        "file": "catalog/sklearn/environment.yaml",
        "line": 12,
        "column": 3,
        "hint": "did you mean `version`",
        "source": '  versoin: "3.11"',
        "length": 7,
    }
    return Problem(**(values | changes))


def test_a_problem_shows_its_line_and_a_caret():
    assert text.problems_text([problem()], colour=False) == (
        "error: `versoin` is not a key of `python`\n"
        "  --> catalog/sklearn/environment.yaml:12:3\n"
        "   |\n"
        '12 |   versoin: "3.11"\n'
        "   |   ^^^^^^^\n"
        "hint: did you mean `version`\n"
    )


def test_two_problems_have_an_empty_line_between_and_none_is_empty():
    one = problem(source="", hint="", severity="warning", line=1, column=1)
    assert text.problems_text([one, one], colour=False) == (
        "warning: `versoin` is not a key of `python`\n"
        " --> catalog/sklearn/environment.yaml:1:1\n"
        "\n"
        "warning: `versoin` is not a key of `python`\n"
        " --> catalog/sklearn/environment.yaml:1:1\n"
    )
    assert text.problems_text([], colour=False) == ""


def test_colour_adds_sequences_and_changes_no_word():
    import re

    painted = text.problems_text([problem()], colour=True)
    assert painted.startswith("\x1b[1;31merror:\x1b[0m ")
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == text.problems_text([problem()], colour=False)


def test_no_character_of_a_file_reaches_the_terminal_as_a_command():
    hostile = "\x1b[2J\r\n\u202e\x00\x07\u2028\x9b\udc80\ufeff"
    shown = text.problems_text(
        [problem(message=hostile, file=hostile, hint=hostile, source="a" + hostile)], colour=False
    )
    lines = shown.split("\n")
    assert lines[0] == r"error: \x1b[2J\x0d\x0a\u202e\x00\x07\u2028\x9b\udc80\ufeff"
    assert len(lines) == 7
    assert all(line.isascii() and (line.isprintable() or not line) for line in lines)


@pytest.mark.parametrize(
    ("source", "column", "length", "shown", "caret"),
    [
        ("a: b", 4, 1, "a: b", "   ^"),
        ("\ta: b", 2, 1, "    a: b", "    ^"),
        ("a:\tb", 4, 1, "a:    b", "      ^"),
        ("名前: b", 5, 1, "名前: b", "      ^"),
        ("名前: b", 1, 2, "名前: b", "^^^^"),
        ("e\u0301: b", 5, 1, "e\u0301: b", "   ^"),
        ("a\x1b: b", 5, 1, r"a\x1b: b", "       ^"),
        ("ab", 9, 5, "ab", "  ^"),
        ("ab", 1, 50, "ab", "^^"),
        ("ab", 0, 0, "ab", "^"),
    ],
)
def test_the_caret_stands_below_its_character(source, column, length, shown, caret):
    assert source_and_caret(source, column, length, 80) == (shown, caret)


@pytest.mark.parametrize("column", [1, 40, 500, 100_000, 199_991, 200_000, 200_001])
@pytest.mark.parametrize("filler", ["x", "名", "\t", "\x1b"])
def test_a_long_line_is_a_window_around_the_caret(column, filler):
    source = filler * 199_990 + "0123456789"
    shown, caret = source_and_caret(source, column, 10**6, 100)
    assert width(shown) <= 100
    assert width(caret) <= 100
    assert caret.endswith("^")
    if column == 199_991:
        assert shown[len(shown) - 10 :] == "0123456789"
        assert caret.count("^") == 10
        assert width(shown) == len(caret)


def test_a_whole_problem_keeps_to_120_columns():
    shown = text.problems_text([problem(source="x" * 5000, column=2500, line=123456)], colour=False)
    assert max(width(line) for line in shown.splitlines()) <= 120


def test_visible_leaves_ordinary_text_alone():
    assert visible("Grüße, 名前 🙂 'x' \\n") == "Grüße, 名前 🙂 'x' \\n"
    assert visible("\U000e0041") == r"\U000e0041"


def test_an_error_keeps_the_lines_of_a_solver():
    error = Refusal("no solution\n  because a\x1b needs b\tand", "run `envcat lock`")
    assert text.error_text(error, colour=False) == (
        "error: no solution\n  because a\\x1b needs b    and\nhint: run `envcat lock`\n"
    )


def test_the_plan_is_aligned_and_ends_with_totals():
    actions = [
        Action(environment="curated-python", action="skip", reason="unchanged", plan=DIGEST, version=2),
        Action(environment="sklearn", action="build", reason="lock changed", plan=DIGEST, version=4),
        Action(environment="bad\x1b", action="refuse", reason="stale lock", hint="run `envcat lock`"),
        Action(environment="x", action="retag", reason="image missing", plan=DIGEST, version=10),
    ]
    assert text.plan_text(actions) == (
        "skip    curated-python  version 2   unchanged\n"
        "build   sklearn         version 4   lock changed\n"
        "refuse  bad\\x1b         -           stale lock\n"
        "  hint: run `envcat lock`\n"
        "retag   x               version 10  image missing\n"
        "1 to build, 1 to retag, 1 unchanged, 1 refused\n"
    )
    assert text.plan_text([]) == "0 to build, 0 to retag, 0 unchanged, 0 refused\n"
    assert "\x1b[32mbuild\x1b[0m   sklearn" in text.plan_text(actions, colour=True)


def test_published():
    rows = [
        Published(environment="a", version=1, image="oci:out:a:1", digest=DIGEST, status="published"),
        Published(
            environment="bb", version=None, image="", digest="", status="refused", reason="check failed"
        ),
    ]
    assert text.published_text(rows) == (
        "published  a   version 1  oci:out:a:1\n"
        "refused    bb  -          check failed\n"
        "1 published, 0 retagged, 0 unchanged, 1 refused\n"
    )


def test_environments_and_versions_are_tables():
    rows = [
        Listed(name="sklearn", kind="system", version=4, aliases=(("prod", 3),), description="Übung 名"),
        Listed(name="curated-python", kind="curated", version=None, aliases=(), description=""),
    ]
    assert text.environments_text(rows) == (
        "NAME            KIND     VERSION  ALIASES  DESCRIPTION\n"
        "sklearn         system   4        prod=3   Übung 名\n"
        "curated-python  curated  -        -\n"
    )
    assert text.environments_text([]) == ""


CHANGES = (
    Change(path="python.packages.pandas", kind="upgraded", before="2.2.2", after="2.2.3"),
    Change(path="python.packages.six", kind="added", before=None, after="1.17", direct=False),
    Change(path="apt.curl", kind="removed", before="8.0", after=None),
)


def test_changes():
    assert text.changes_text(CHANGES) == (
        "upgraded  python.packages.pandas          2.2.2 -> 2.2.3\n"
        "added     python.packages.six (indirect)  1.17\n"
        "removed   apt.curl                        8.0\n"
    )
    assert text.changes_text(()) == "no differences\n"


def test_locked_shows_what_moved():
    rows = [
        Locked(environment="a", status="written", lock=DIGEST, changes=CHANGES[:1]),
        Locked(environment="b", status="stale"),
    ]
    assert text.locked_text(rows) == (
        "written  a  abababababab\n  upgraded  python.packages.pandas  2.2.2 -> 2.2.3\nstale    b\n"
    )


def test_build_shows_checks_below_their_image():
    results = (
        CheckResult(command="python -c 'import x'", exit_code=0, output="fine\n", seconds=0.42),
        CheckResult(command="odd\x1b[2J", exit_code=0, output="", seconds=5),
    )
    reports = (
        CheckReport(platform="linux/amd64", how="engine", results=results),
        CheckReport(platform="linux/arm64", how="not-run", note="this machine is `linux/amd64`"),
    )
    image = BuiltImage(environment="a", plan=DIGEST, index=b"", digest=DIGEST, platforms=(), checks=reports)
    plain = replace(image, environment="b", checks=(CheckReport(platform="linux/amd64", how="none"),))
    assert text.build_text([image, plain]) == (
        f"a  {DIGEST}\n"
        "  ok    linux/amd64  python -c 'import x'  (0.4 s, engine)\n"
        "  ok    linux/amd64  odd\\x1b[2J  (5.0 s, engine)\n"
        "  note  linux/arm64  this machine is `linux/amd64`\n"
        f"b  {DIGEST}\n"
    )


def test_doctor():
    findings = [
        Finding(name="git", state="ok", detail="2.39.5"),
        Finding(name="engine", state="missing", detail="no answer", hint="start the engine"),
    ]
    assert text.doctor_text(findings) == (
        "ok       git     2.39.5\nmissing  engine  no answer\n  hint: start the engine\n"
    )


def test_show():
    environment = Environment(
        name="sklearn",
        base=DebianBase(suite="bookworm"),
        python=Python(version="3.11", packages=("pandas>=2", "scikit-learn")),
        description="Training",
        owners=("@acme/ml",),
        tags=(("task", "training"),),
        aliases=(("prod", 1),),
        checks=("true",),
    )
    wheel = Wheel(name="pandas", version="2", file="f.whl", size=1, sha256="0" * 64)
    lock = Lock(
        definition=DIGEST,
        base=None,
        bytecode=None,
        platforms=(PlatformLock(platform="linux/amd64", wheels=(wheel,)),),
    )
    assert show.show_text(environment, lock=lock, versions=()) == (
        "sklearn\n"
        "  description  Training\n"
        "  kind         system\n"
        "  owners       @acme/ml\n"
        "  tags         task=training\n"
        "  aliases      prod=1\n"
        "  version      not published\n"
        "  base         debian bookworm\n"
        "  python       3.11\n"
        "  packages     pandas>=2, scikit-learn\n"
        "  platforms    linux/amd64\n"
        "  checks       true\n"
        "  locked       linux/amd64 0 debs, 1 wheels\n"
    )
