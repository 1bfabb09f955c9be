"""Hostile text in every field of a definition: annotations, log, summary and comment stay inert and within limits."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from comment_script import SOUND, Posted, comment
from forge_runner import commands, load, run_step, script

from envcatalog.ci.github import github_files
from envcatalog.report.markdown import MAX_CHARACTERS
from support.catalogs import Workplace, git

WORKFLOW = load(github_files("1.2.3").kept[".github/workflows/pull-request.yml"])
CANARY = "canary-5e0c9a"
TEXTS = (
    "::error file=x::injected",
    "\n::error::injected",
    "%0A::add-mask::a",
    "##[add-mask]a",
    "x ##[stop-commands]t ##[error]y",
    "::stop-commands::t",
    "\x1b[2J\x1b]0;x\x07",
    "\u202etxt.exe\u2066\u200b",
    "<img src=x onerror=alert(1)><!-- envcat -->",
    "</code></details>@acme/everyone @ada",
    "`; rm -rf ~` ```\n# head\n```",
    "| a | b |\n| --- | --- |\\|",
    "[x](https://example.com/a) ![y](https://example.com/b.png) www.example.com",
    "fixes #1 closes acme/x#2 GH-3",
    "${{ secrets.CANARY }} $CANARY $(printenv CANARY) `printenv CANARY`",
    "é" * 40_000,
    "x" * 70_000,
)
FIELDS = (
    "name: {}",
    "description: {}",
    "owners: [{}]",
    "tags: {{team: {}}}",
    "tags: {{{}: a}}",
    "aliases: {{{}: 1}}",
    "aliases: {{prod: {}}}",
    "deprecated: {{reason: {}}}",
    "deprecated: {{reason: old, replacement: {}}}",
    "base: {{image: {}}}",
    "base: {{environment: {}}}",
    "apt: [{}]",
    "python: {{version: '3.11', packages: [{}]}}",
    "variables: {{A: {}}}",
    "variables: {{{}: a}}",
    "container: {{user: {}}}",
    "container: {{entrypoint: [{}]}}",
    "inference: {{port: 1, liveness: {}}}",
    "platforms: [{}]",
    "checks: [{}]",
    "{}: a",
)


def hostile(template: str, text: str) -> str:
    """A definition with the text in one field."""
    lines = ["name: demo", "description: For a test", "base: {image: 'oci:bases:tiny'}"]
    line = template.format(json.dumps(text))
    key = line.split(":")[0]
    return "\n".join([*(item for item in lines if item.split(":")[0] != key), line]) + "\n"


def inert(document: str) -> None:
    """Nothing but our words outside of code spans, and no character that is obeyed or hidden."""
    assert len(document) <= MAX_CHARACTERS
    for line in document.splitlines():
        outside = re.sub(r"`[^`|]+`", "", line)
        assert re.fullmatch(r"(#{3,4} )?[A-Za-z0-9 ,;()|.-]*", outside), line[:300]
        assert not any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") for char in line)


@pytest.fixture
def change(workplace: Workplace) -> Workplace:
    """A published environment, and a commit upon it to compare with."""
    workplace.add("demo", "alpha")
    workplace.published()
    return workplace


def test_every_field_and_every_text(change: Workplace, tmp_path: Path) -> None:
    reports = []
    shown = 0
    for template in FIELDS:
        for text in TEXTS:
            change.write("demo", hostile(template, text))
            annotations = change.run("validate", "--format", "github").out
            found = commands(annotations)
            assert len(found) == len(annotations.splitlines())
            assert {item.name for item in found} <= {"error", "warning"}
            for item in change.run("validate", "--format", "gitlab").json:
                assert item["description"].isprintable(), item
            report = change.run("plan", "--format", "markdown", "--since", "HEAD")
            assert report.code in (0, 1), report.err
            inert(report.out)
            shown += "### Changes" in report.out
            reports.append(report.out)
    assert shown == len(FIELDS) * len(TEXTS)
    assert sum("`description`" in report for report in reports) > 3, "some texts are valid, and are shown"
    # What envcat writes is of the kinds of lines that the comment takes, every line of it.
    for body in comment(tmp_path, reports):
        assert "left out" not in body


def test_the_steps_of_the_workflow(change: Workplace, tmp_path: Path) -> None:
    templates = ("description: {}", "variables: {{A: {}}}", "apt: [{}]", "{}: a")
    for number, text in enumerate((*TEXTS[:6], TEXTS[14], TEXTS[14])):
        change.write("demo", hostile(templates[number % len(templates)], text))
        change.commit()
        place = tmp_path / str(number)
        place.mkdir()
        (place / "change").symlink_to(change.root)
        secrets = {"CANARY": CANARY, "ENVCATALOG_CACHE": str(change.cache)}
        validated = run_step(script(WORKFLOW, "Validate"), place, tmp_path / "tools", **secrets)
        assert {item.name for item in commands(validated.log)} <= {"error", "warning"}
        planned = run_step(script(WORKFLOW, "Plan"), place, tmp_path / "tools", SINCE="HEAD~1", **secrets)
        assert planned.code in (0, 1), planned.log
        assert commands(planned.log) == []
        assert planned.summary == (place / "report/report.md").read_text()
        inert(planned.summary)
        assert "#### `demo`" in planned.summary
        assert CANARY not in validated.log + planned.log + planned.summary


POLICY = "policy:\n  banned:\n    - {package: 'alpha<2', reason: CVE-2024-1}\n"
SAID = """
### Settings

`catalog/catalog.yaml` is edited, and this change is judged by what it says now.

| Change | Path | Before | After |
| --- | --- | --- | --- |
| changed | `aliases` | `staging, prod` | `prod, staging` |
| removed | `policy.banned` | `package: alpha<2, reason: CVE-2024-1` |  |
| added | `policy.banned` |  | `package: alpha<1, reason: CVE-2024-1` |

#### What the settings before would refuse

| File | Problem |
| --- | --- |
| `catalog/demo/environment.yaml` | `\\x60alpha<2\\x60 is banned, and \\x601.0\\x60 is locked: CVE-2024-1` |

### Changes
"""


def test_a_change_that_loosens_the_policy_and_uses_it_is_told(workplace: Workplace, tmp_path: Path) -> None:
    settings = workplace.root / "catalog/catalog.yaml"
    settings.write_text("aliases: [staging, prod]\n" + POLICY)
    workplace.add("demo", "alpha")
    workplace.add("calm", "gamma")
    workplace.edit("demo", "- alpha", "- alpha<2")
    workplace.lock("demo")
    assert workplace.run("validate").code == 1
    settings.write_text("aliases: [prod, staging]\n" + POLICY.replace("alpha<2", "alpha<1"))
    assert workplace.run("validate").code == 0
    report = workplace.run("plan", "--format", "markdown", "--since", "HEAD").out
    assert SAID in report
    [body] = comment(tmp_path, [report])
    assert "left out" not in body
    settings.write_text("# the same\naliases: [staging, prod]\n" + POLICY)
    assert "### Settings" not in workplace.run("plan", "--format", "markdown", "--since", "HEAD").out
    settings.write_text("policy: [\n")
    assert workplace.run("plan", "--format", "markdown", "--since", "HEAD").code == 1


def test_hostile_settings_are_inert(workplace: Workplace, tmp_path: Path) -> None:
    workplace.add("demo", "alpha")
    settings = workplace.root / "catalog/catalog.yaml"
    reports = []
    for text in TEXTS:
        rules = [
            {
                "environment": "demo",
                "rule": "pinned",
                "until": "2027-01-01",
                "package": f"a{n}",
                "reason": text,
            }
            for n in range(40)
        ]
        settings.write_text(json.dumps({"policy": {"pinned": {"reason": text}, "exceptions": rules}}))
        done = workplace.run("plan", "--format", "markdown", "--since", "HEAD")
        assert done.code in (0, 1), done.err
        if done.out:
            inert(done.out)
            reports.append(done.out)
    assert sum("### Settings" in report for report in reports) > 5
    for body in comment(tmp_path, reports):
        assert "left out" not in body


def test_what_cannot_be_planned_has_a_report_all_the_same(change: Workplace, tmp_path: Path) -> None:
    shutil.rmtree(change.root / "catalog")
    change.commit()
    (tmp_path / "change").symlink_to(change.root)
    planned = run_step(script(WORKFLOW, "Plan"), tmp_path, tmp_path / "tools", SINCE="HEAD~1")
    assert planned.code == 2, planned.log
    assert planned.summary == "Nothing can be planned; see what validate says.\n"
    [body] = comment(tmp_path, [planned.summary])
    assert body.splitlines()[1:] == planned.summary.splitlines()


def test_the_model_of_the_runner_obeys() -> None:
    assert [item.name for item in commands("a ##[add-mask]x\n  ::error file=a::b\n::unknown::\n")] == [
        "add-mask",
        "error",
    ]
    assert commands("::stop-commands::t\n::error::x\n::t::\n::warning::y") == commands("::warning::y")


def test_a_huge_change_fits(change: Workplace) -> None:
    names = [f"V{number:04}" for number in range(200)]
    change.write(
        "demo", hostile("variables: {}", "").replace('""', json.dumps(dict.fromkeys(names, "é" * 200)))
    )
    for number in range(400):
        change.write(f"e{number}", f"name: e{number}\ndescription: {'x' * 500}\nbase: {{debian: bookworm}}\n")
    report = change.run("plan", "--format", "markdown", "--since", "HEAD").out
    inert(report)
    assert "#### `demo`" in report
    assert "more rows are not shown." in report
    assert report.rstrip().endswith("more environments are not shown.")


def posted(folder: Path, report: str | bytes, **scenario: object) -> Posted:
    [answer] = list(SOUND.post(folder, [report], **scenario))
    return answer


@pytest.fixture
def reports() -> Iterator[list[str]]:
    yield ["### Plan\n\n1 to build, 0 to retag, 0 unchanged, 0 refused\n"]


def test_one_comment_is_made_and_kept_up_to_date(tmp_path: Path, reports: list[str]) -> None:
    first = posted(tmp_path, reports[0])
    [(verb, made)] = first.calls
    assert (verb, made["issue_number"]) == ("createComment", 7)
    assert made["body"].endswith(reports[0])
    ours = {"id": 5, "user": {"login": "github-actions[bot]"}, "body": made["body"]}
    stranger = {"id": 4, "user": {"login": "mallory"}, "body": made["body"]}
    assert posted(tmp_path, reports[0], comments=[stranger, ours]).calls == []
    [(verb, updated)] = posted(tmp_path, "No differences.\n", comments=[stranger, ours]).calls
    assert (verb, updated["comment_id"]) == ("updateComment", 5)
    assert [verb for verb, _ in posted(tmp_path, reports[0], comments=[stranger]).calls] == ["createComment"]


@pytest.mark.parametrize(
    "pull",
    [
        {"number": 7, "head": {"sha": "b" * 40, "repo": {"id": 1}}},
        {"number": 7, "head": {"sha": "a" * 40, "repo": {"id": 2}}},
        {"number": 7, "head": {"sha": "a" * 40, "repo": None}},
    ],
    ids=["has moved on", "of another fork", "of a fork that is gone"],
)
def test_a_pull_request_that_the_run_was_not_for_gets_none(
    tmp_path: Path, reports: list[str], pull: dict[str, object]
) -> None:
    assert posted(tmp_path, reports[0], pulls=[pull]).calls == []


@pytest.mark.parametrize(
    "line",
    [text.split("\n")[0] for text in (*TEXTS[8:11], *TEXTS[12:14])] + ["@ada", "a `b` @ada", "http://x"],
)
def test_a_forged_report_loses_its_lines(tmp_path: Path, line: str) -> None:
    [(_, made)] = posted(tmp_path, f"### Plan\n{line}\nNo differences.\n").calls
    marker, *lines = made["body"].splitlines()
    assert marker.startswith("<!-- envcat")
    assert lines == ["### Plan", "No differences.", "", "1 lines of the report are left out."]


def test_a_forged_report_is_capped(tmp_path: Path) -> None:
    [(_, made)] = posted(tmp_path, "a b c\n" * 100_000).calls
    assert len(made["body"]) < 61_000
    [(_, made)] = posted(tmp_path, b"x" * (2 << 20)).calls
    assert made["body"].endswith("The report is no file of a usual size.\n")
    [(_, made)] = posted(tmp_path, b"\xff\x00\x1b[2J\n").calls
    assert made["body"].endswith("\n1 lines of the report are left out.\n")
    (tmp_path / "secret").write_text("SECRET")
    [(_, made)] = posted(tmp_path, "", link=str(tmp_path / "secret")).calls
    assert "SECRET" not in made["body"]


def test_git_is_asked_about_names_only(change: Workplace) -> None:
    """`--since` comes from a workflow, but takes no option and no other spelling of Git's."""
    for revision in ("--output=x", "HEAD:catalog", "nowhere", "HEAD..HEAD"):
        done = change.run("plan", "--format", "markdown", f"--since={revision}")
        assert done.code == 2, done
        assert done.err.startswith("error: ")
    assert git(change.root, "status", "--short") == ""
