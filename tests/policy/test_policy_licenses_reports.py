"""Licences on the command line: whole reports, and texts that packages should not write where their licence belongs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from policy_support import lock_of, wheel

from envcatalog.model.lock import Known
from support.catalogs import SETTINGS, Ran, git, run_here

DEMO = """\
name: demo
base: {debian: bookworm}
python:
  version: "3.11"
  packages: ["alpha>=1"]
"""
RULE = 'policy:\n  licenses: {allowed: [MIT, "BSD-*"], unknown: refuse, reason: Ask legal}\n'
MENTION, MARKUP = "@acme/all fixes #1 `x` | [a](https://example.com)", "<img src=x onerror=alert(1)>"
COMMAND = "::error file=x::no%0A::add-mask::MIT"
Validate = Callable[..., Ran]


@pytest.fixture
def validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Validate:
    """`validate` of a repository whose one environment has wheels under these licences, with these exceptions."""
    root = tmp_path / "catalog-of-one"
    folder = root / "catalog/demo"
    folder.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")

    def run(*arguments: str, rule: str = RULE, **licenses: str) -> Ran:
        (root / "catalog/catalog.yaml").write_text(SETTINGS + rule)
        (folder / "environment.yaml").write_text(DEMO)
        known = {name: Known(license=text) for name, text in licenses.items()}
        wheels = (wheel(name, "1.0") for name in licenses)
        (folder / "lock.json").write_bytes(lock_of(DEMO, *wheels, known=known))
        return run_here(monkeypatch, capsys, root, tmp_path / "cache", ("validate", *arguments))

    return run


def test_a_licence_that_is_not_allowed_stops_validation(validate: Validate) -> None:
    done = validate(alpha="AGPL-3.0-only", beta="GPL-3.0-only AND MIT", gamma="BSD-3-Clause", delta="")
    assert done.code == 1
    assert done.err + done.out == (
        "error: `beta` has the licence `GPL-3.0-only AND MIT`, which is not allowed: Ask legal\n"
        " --> catalog/demo/environment.yaml:5:3\n"
        "  |\n"
        '5 |   packages: ["alpha>=1"]\n'
        "  |   ^^^^^^^^\n"
        "hint: the policy allows `MIT` and `BSD-*`\n"
        "\n"
        "error: the licence of `delta` is not known: Ask legal\n"
        " --> catalog/demo/environment.yaml:5:3\n"
        "  |\n"
        '5 |   packages: ["alpha>=1"]\n'
        "  |   ^^^^^^^^\n"
        "hint: replace it, or agree on an exception in `policy.exceptions` of `catalog/catalog.yaml`\n"
        "\n"
        "error: `alpha` has the licence `AGPL-3.0-only`, which is not allowed: Ask legal\n"
        " --> catalog/demo/environment.yaml:5:14\n"
        "  |\n"
        '5 |   packages: ["alpha>=1"]\n'
        "  |              ^^^^^^^^^^\n"
        "hint: the policy allows `MIT` and `BSD-*`\n"
        "1 checked, 3 problems\n"
    )
    assert validate(alpha="mit", beta="GPL-3.0-only OR bsd-3-clause").code == 0


def test_a_licence_alone_makes_locks_be_read(validate: Validate) -> None:
    rule = "policy:\n  licenses: {banned: [GPL-3.0*]}\n"
    for license_ in ("GPL-3.0", "GPL-3.0+", "GPL-3.0-or-later", "gpl-3.0-only WITH GCC-exception-3.1"):
        done = validate("--format", "json", rule=rule, alpha=license_)
        assert (done.code, [row["message"] for row in done.json["problems"]]) == (
            1,
            [f"`alpha` has the licence `{license_}`, which is banned"],
        )


def test_an_exception_lets_one_package_pass_until_a_day(validate: Validate) -> None:
    def until(day: str) -> Ran:
        item = f"environment: demo, rule: licenses, package: alpha, until: {day}, reason: Agreed"
        rule = f"{RULE}  exceptions: [{{{item}}}]\n"
        return validate("--format", "json", rule=rule, alpha="SSPL-1.0", beta="SSPL-1.0")

    assert [row["message"] for row in until("2999-12-31").json["problems"]] == [
        "`beta` has the licence `SSPL-1.0`, which is not allowed: Ask legal"
    ]
    assert [row["message"] for row in until("2020-12-31").json["problems"]] == [
        "the exception of `demo` from the rule `licenses` for `alpha` was until 2020-12-31, which has passed",
        "`beta` has the licence `SSPL-1.0`, which is not allowed: Ask legal",
        "`alpha` has the licence `SSPL-1.0`, which is not allowed: Ask legal",
    ]


def test_hostile_licences_are_inert_in_every_report(validate: Validate) -> None:
    licenses = {"alpha": MENTION, "beta": MARKUP, "gamma": COMMAND}
    text = validate(**licenses)
    assert not any(line.lstrip().startswith("::") for line in (text.out + text.err).splitlines())
    assert (
        f"error: `beta` has the licence `{MARKUP}`, which is not allowed: Ask legal\n" in text.err + text.out
    )
    place, title = "::error file=catalog/demo/environment.yaml,line=5", "title=policy-licenses"
    rest = ", which is not allowed: Ask legal%0Ahint: the policy allows `MIT` and `BSD-*`\n"
    assert validate("--format", "github", **licenses).out == (
        f"{place},col=3,endColumn=11,{title}::`beta` has the licence `{MARKUP}`{rest}"
        f"{place},col=3,endColumn=11,{title}::`gamma` has the licence `{COMMAND.replace('%', '%25')}`{rest}"
        f"{place},col=14,endColumn=24,{title}::`alpha` has the licence `{MENTION}`{rest}"
    )
    (run,) = json.loads(validate("--format", "sarif", **licenses).out)["runs"]
    assert [row["message"]["text"].partition(", which")[0] for row in run["results"]] == [
        f"`beta` has the licence `{MARKUP}`",
        f"`gamma` has the licence `{COMMAND}`",
        # a link of SARIF's is none when its bracket is escaped
        "`alpha` has the licence `" + MENTION.replace("[", "\\[") + "`",
    ]
    assert [row["message"] for row in validate("--format", "json", **licenses).json["problems"]][1] == (
        f"`gamma` has the licence `{COMMAND}`, which is not allowed: Ask legal"
    )


def test_a_lock_with_escape_codes_for_a_licence_is_refused(validate: Validate) -> None:
    done = validate(alpha="MIT\x1b[2J\n::error::no")
    assert done.code == 1
    assert "\x1b" not in done.out + done.err
    assert not any(line.startswith("::") for line in (done.out + done.err).splitlines())
    assert "is not a valid lock at `known." in done.out + done.err
    assert "`MIT\\x1b[2J\\n::error::no` is not allowed" in done.out + done.err
