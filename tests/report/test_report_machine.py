"""What machines read: JSON, workflow commands, SARIF, Markdown, a matrix."""

import json
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from envcatalog.model.change import Change
from envcatalog.model.environment import DebianBase, Environment
from envcatalog.model.image import BuiltImage, BuiltPlatform, Layer
from envcatalog.model.lock import Lock, LockedEnvironment, PlatformLock, Wheel
from envcatalog.model.plan import Action
from envcatalog.model.problem import Problem
from envcatalog.model.result import CheckReport, CheckResult, Finding, Listed, Locked, Published
from envcatalog.model.version import Version
from envcatalog.report import json as report
from envcatalog.report import show
from envcatalog.report.github import plan_github, problems_github
from envcatalog.report.markdown import MAX_CHARACTERS, changes_markdown, code, plan_markdown
from envcatalog.report.matrix import plan_matrix
from envcatalog.report.sarif import plan_sarif, problems_sarif

DIGEST = "sha256:" + "ab" * 32
PROBLEM = Problem(
    code="yaml-tag",
    message="tag `!x` is not allowed",
    file="catalog/ä b/environment.yaml",
    line=3,
    column=7,
    hint="remove it",
    source="a: !x",
    length=2,
)
VERSION = Version(
    name="a", number=2, commit="c" * 40, date="D", author="A", message="M", image=DIGEST, plan="p"
)
CHANGE = Change(path="base", kind="changed", before="x", after="y")
ACTIONS = (
    Action(environment="a", action="build", reason="new", plan=DIGEST, version=1),
    Action(environment="b", action="refuse", reason="no lock", hint="run `envcat lock b`"),
    Action(environment="c", action="skip", reason="unchanged", plan=DIGEST, version=7),
    Action(environment="d", action="retag", reason="image missing", plan=DIGEST, version=7),
)
LAYER = Layer(key="k", digest=DIGEST, size=5, diff_id=DIGEST)
IMAGE = BuiltImage(
    environment="a",
    plan="p",
    index=b"{}",
    digest=DIGEST,
    platforms=(
        BuiltPlatform(
            platform="linux/amd64", config=b"", manifest=b"", manifest_digest=DIGEST, layers=(LAYER, LAYER)
        ),
    ),
)
ENVIRONMENT = Environment(
    name="a", base=DebianBase(suite="bookworm"), tags=(("k", "v"),), aliases=(("prod", 2),)
)
LOCK = Lock(
    definition=DIGEST,
    base=LockedEnvironment(environment="p", plan=DIGEST),
    bytecode=None,
    platforms=(
        PlatformLock(
            platform="linux/amd64", wheels=(Wheel(name="w", version="1", file="f", size=1, sha256="0"),)
        ),
    ),
)


@pytest.mark.parametrize(
    ("answer", "top", "keys"),
    [
        (
            report.validate_json(3, [PROBLEM]),
            ["checked", "problems"],
            ["code", "severity", "message", "file", "line", "column", "hint"],
        ),
        (report.plan_json(ACTIONS), ["actions"], ["environment", "action", "reason", "plan", "version"]),
        (
            report.publish_json(
                [Published(environment="a", version=1, image="i", digest=DIGEST, status="published")]
            ),
            ["published"],
            ["environment", "version", "image", "digest", "status"],
        ),
        (
            report.list_json([Listed(name="a", kind="user", version=None, aliases=(), description="")]),
            ["environments"],
            ["name", "kind", "version", "aliases", "description"],
        ),
        (
            report.log_json([VERSION]),
            ["versions"],
            ["version", "commit", "date", "author", "message", "image"],
        ),
        (report.diff_json([CHANGE], []), ["changes", "sizes"], ["path", "kind", "before", "after"]),
        (
            report.lock_json([Locked(environment="a", status="written", lock=DIGEST, changes=(CHANGE,))]),
            ["locks"],
            ["environment", "status", "lock", "changes"],
        ),
        (report.build_json([IMAGE]), ["images"], ["environment", "plan", "digest", "platforms", "checks"]),
        (
            report.doctor_json([Finding(name="git", state="ok", detail="2")]),
            ["findings"],
            ["name", "state", "detail", "hint"],
        ),
    ],
)
def test_the_contract_names_keys_and_their_order(answer, top, keys):
    value = json.loads(answer)
    assert list(value) == top
    rows = next(value[key] for key in top if isinstance(value[key], list))
    assert list(rows[0])[: len(keys)] == keys
    assert answer.endswith("}\n")


def test_values_of_the_contract():
    assert json.loads(report.validate_json(1, [PROBLEM])) == {
        "checked": 1,
        "problems": [
            {
                "code": "yaml-tag",
                "severity": "error",
                "message": "tag `!x` is not allowed",
                "file": "catalog/ä b/environment.yaml",
                "line": 3,
                "column": 7,
                "hint": "remove it",
            }
        ],
    }
    refused = json.loads(report.plan_json(ACTIONS))["actions"][1]
    assert (refused["action"], refused["plan"], refused["version"]) == ("refuse", None, None)
    assert json.loads(report.build_json([IMAGE]))["images"][0]["platforms"] == [
        {"platform": "linux/amd64", "digest": DIGEST, "layers": 2, "size": 10}
    ]


def test_show_and_checks():
    value = json.loads(show.show_json(ENVIRONMENT, definition={"name": "a"}, lock=LOCK, versions=[VERSION]))
    assert value["tags"] == {"k": "v"}
    assert value["version"] == 2
    assert value["lock"]["base"] == {"environment": "p", "plan": DIGEST}
    assert value["lock"]["platforms"] == {
        "linux/amd64": {"debs": {}, "conda": {}, "wheels": {"w": "1"}, "files": {}}
    }
    result = CheckResult(command="x", exit_code=0, output="o", seconds=1.23456)
    image = replace(IMAGE, checks=(CheckReport(platform="p", how="engine", results=(result,)),))
    assert json.loads(report.build_json([image]))["images"][0]["checks"] == [
        {
            "platform": "p",
            "how": "engine",
            "note": "",
            "results": [{"command": "x", "seconds": 1.235, "output": "o"}],
        }
    ]


def test_json_is_ascii_whatever_the_text():
    odd = Change(path="ä\u202e\x1b\udc80🙂", kind="changed", before=None, after="\u2028")
    answer = report.diff_json([odd])
    assert answer.isascii()
    assert "\x1b" not in answer
    assert json.loads(answer)["changes"][0]["path"] == odd.path


def test_a_workflow_command():
    assert problems_github([PROBLEM]) == (
        "::error file=catalog/ä b/environment.yaml,line=3,col=7,endColumn=9,title=yaml-tag"
        "::tag `!x` is not allowed%0Ahint: remove it\n"
    )


def test_no_text_can_forge_a_workflow_command():
    hostile = "100%\r\n::set-env name=A::b,c:d%0A\n::error::\x1b[0m"
    forged = problems_github([Problem(code=hostile, message=hostile, file=hostile, hint=hostile)])
    assert forged.count("\n") == 1
    head, message = forged.removeprefix("::error ").split("::", 1)
    values = dict(pair.split("=", 1) for pair in head.split(","))
    assert list(values) == ["file", "line", "col", "endColumn", "title"]
    assert unquote(values["file"]) == r"100%\x0d\x0a::set-env name=A::b,c:d%0A\x0a::error::\x1b[0m"
    assert ":" not in values["title"]
    assert unquote(message).count("\n") == 2


def test_plan_as_workflow_commands():
    assert plan_github(ACTIONS) == (
        "::notice title=a::build version 1: new\n"
        "::error title=b::refuse: no lock%0Ahint: run `envcat lock b`\n"
        "::notice title=d::retag version 7: image missing\n"
    )


def test_sarif_holds_what_the_schema_demands():
    other = Problem(
        code="aaa", message="see [this](https://example.com) and [2]", file="../x:y", severity="warning"
    )
    log = json.loads(problems_sarif([PROBLEM, other], version="0.1.0"))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["aaa", "yaml-tag"]
    first, second = run["results"]
    assert first["level"] == "error"
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "yaml-tag"
    place = first["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "catalog/%C3%A4%20b/environment.yaml"},
        "region": {"startLine": 3, "startColumn": 7, "endColumn": 9},
    }
    assert second["level"] == "warning"
    assert second["message"]["text"] == r"see \[this](https://example.com) and [2]"
    assert second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "../x%3Ay"


def test_sarif_of_nothing_still_is_a_run_with_results():
    [run] = json.loads(problems_sarif([], version="0.1.0"))["runs"]
    assert run["results"] == run["tool"]["driver"]["rules"] == []
    [run] = json.loads(plan_sarif(ACTIONS, version="0.1.0"))["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["plan-refuse"]


def test_the_plan_as_markdown():
    assert plan_markdown(ACTIONS) == (
        "| Action | Environment | Version | Reason |\n"
        "| --- | --- | --- | --- |\n"
        "| build | `a` | 1 | new |\n"
        "| refuse | `b` |  | no lock |\n"
        "| retag | `d` | 7 | image missing |\n"
        "\n"
        "1 to build, 1 to retag, 1 unchanged, 1 refused\n"
    )
    assert plan_markdown(ACTIONS[2:3]) == "0 to build, 0 to retag, 1 unchanged, 0 refused\n"


HOSTILE = [
    "@acme/everyone",
    "<img src=x onerror=y>",
    "[a](https://example.com)",
    "https://example.com/x www.example.com",
    "a|b\\|c",
    "`; rm -rf",
    "```\n# head\n```",
    "\\",
    "\\`@x",
    "*b* _i_ ~s~ :smile: #1 &lt;",
    "\u202e\x1b[0m",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_holds_any_text_inert_in_a_code_span(text):
    hostile = Change(path=text, kind="changed", before=text, after=text)
    table = changes_markdown([hostile])
    action = Action(environment=text, action="build", reason=text, plan=DIGEST, version=1)
    for shown, spans in ((table, 3), (plan_markdown([action]), 2)):
        row = shown.split("\n")[2]
        cells = row.split("|")
        assert len(cells) == 6
        inside = [cell.strip() for cell in cells if "`" in cell]
        assert len(inside) == spans
        assert all(re.fullmatch(r"`[^`|\n]+`", cell) for cell in inside)


def test_code_spans_are_cut_and_empty_is_empty():
    assert code(None) == code("") == ""
    assert len(code("x" * 10_000)) == 302


def test_markdown_is_capped_with_a_plain_note():
    changes = [
        Change(path=f"p{number}", kind="added", before=None, after="x" * 299) for number in range(10_000)
    ]
    text = changes_markdown(changes)
    assert len(text) <= MAX_CHARACTERS
    shown = text.count("| added |")
    assert text.endswith(f"\n{10_000 - shown} more rows are not shown.\n")
    actions = [Action(environment="e" * 64, action="build", reason="new") for _ in range(10_000)]
    text = plan_markdown(actions)
    assert len(text) <= MAX_CHARACTERS
    assert text.endswith("\n10000 to build, 0 to retag, 0 unchanged, 0 refused\n")


def test_the_matrix_is_one_line_of_what_is_to_be_built():
    assert plan_matrix(ACTIONS) == f'{{"include":[{{"environment":"a","plan":"{DIGEST}"}}]}}\n'
    assert plan_matrix([]) == '{"include":[]}\n'
