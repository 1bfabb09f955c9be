"""Aliases and lifecycle from the command line: what is written, what is said, and what is refused."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from envcatalog.catalog.sdk import Catalog
from envcatalog.model.errors import Refusal
from support.catalogs import Ran, Workplace, git

FILE = "catalog/demo/environment.yaml"
THERE = "there are versions 1-2, `latest`, `{worktree}`, branch `main`, and every commit, tag and date"


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    """`demo` with two versions."""
    workplace.add("demo", "alpha==1.0", more="# the end\n")
    workplace.published("demo")
    workplace.edit("demo", "alpha==1.0", "alpha==2.0")
    workplace.lock("demo")
    workplace.commit("Take alpha 2")
    workplace.published("demo")
    return workplace


def text(place: Workplace) -> str:
    return (place.root / FILE).read_text()


def test_promote_edits_the_file_and_publish_moves_the_tag(place: Workplace) -> None:
    before = text(place)
    assert tuple(place.run("promote", "demo@1", "staging")) == (
        0,
        f"{FILE}\n  added  aliases.staging  1\n"
        "next: commit it, then run `envcat publish demo`, which moves the registry's tag `staging`\n",
        "",
    )
    assert text(place) == before.replace("\nbase:", "\naliases: {staging: 1}\nbase:")
    assert git(place.root, "status", "--porcelain") == f" M {FILE}"
    assert place.run("validate").code == 0
    assert tuple(place.run("promote", "demo@1", "staging")) == (
        0,
        "unchanged  demo  `staging` is version 1 already\n",
        "",
    )
    assert place.run("promote", "demo@staging", "prod").code == 0
    assert place.run("promote", "demo@latest", "staging", "--format", "json").json == {
        "edited": [
            {
                "environment": "demo",
                "status": "changed",
                "file": FILE,
                "changes": [{"path": "aliases.staging", "kind": "changed", "before": "1", "after": "2"}],
                "note": "commit it, then run `envcat publish demo`, which moves the registry's tag `staging`",
            }
        ]
    }
    assert text(place) == before.replace("\nbase:", "\naliases: {staging: 2, prod: 1}\nbase:")
    place.commit("Promote")
    assert place.plan() == [("demo", "retag", "prod -> 1, staging -> 2", 2)]
    assert place.published() == [("demo", 2, "retagged", "prod -> 1, staging -> 2")]
    layout = place.layout()
    assert (layout["demo:staging"], layout["demo:prod"]) == (layout["demo:2"], layout["demo:1"])

    assert tuple(place.run("promote", "demo", "prod", "--remove")) == (
        0,
        f"{FILE}\n  removed  aliases.prod  1\n"
        "next: commit it; the registry's tag `prod` stays until you delete it there\n",
        "",
    )
    place.commit("Remove prod")
    hint = "the registry still has `prod`, whose alias is not set: delete it there, or set the alias"
    assert tuple(place.run("plan", "--registry", place.images)) == (
        0,
        f"skip  demo  version 2  is version 2\n  hint: {hint}\n0 to build, 0 to retag, 1 unchanged, 0 refused\n",
        "",
    )
    done = place.publish("demo")
    assert (done.code, done.err) == (0, f"note: demo: {hint}\n")
    assert place.layout()["demo:prod"] == layout["demo:1"]
    assert place.run("promote", "demo", "prod", "--remove").out == "unchanged  demo  `prod` is not set\n"


def test_the_order_of_promotion_is_kept(place: Workplace) -> None:
    before = text(place)
    assert tuple(place.run("promote", "demo@2", "prod")) == (
        1,
        "",
        "error: `prod` is version 2, and `staging`, which comes before it, is not set\n"
        "hint: run `envcat promote demo@2 staging` first\n",
    )
    assert text(place) == before
    assert place.run("promote", "demo@2", "staging").code == place.run("promote", "demo@2", "prod").code == 0
    assert tuple(place.run("promote", "demo@1", "staging")) == (
        1,
        "",
        "error: `prod` is version 2, and `staging`, which comes before it, is version 1\n"
        "hint: run `envcat promote demo@1 prod` first\n",
    )
    assert tuple(place.run("promote", "demo", "staging", "--remove")) == (
        1,
        "",
        "error: `prod` is version 2, and needs `staging`, which comes before it\n"
        "hint: run `envcat promote demo prod --remove` first\n",
    )
    place.edit("demo", "{staging: 2, prod: 2}", "{prod: 2, staging: 1}")
    assert tuple(place.run("validate")) == (
        1,
        "error: `prod` is version 2, and `staging`, which comes before it, is version 1\n"
        f" --> {FILE}:3:17\n  |\n3 | aliases: {{prod: 2, staging: 1}}\n  |                 ^\n"
        "hint: run `envcat promote demo@2 staging`\n1 checked, 1 problem\n",
        "",
    )
    assert place.run("promote", "demo@2", "staging").code == 0
    assert place.run("validate").out == "1 checked, no problems\n"


@pytest.mark.parametrize(
    ("reference", "alias", "message", "hint"),
    [
        ("demo@3", "staging", "`demo` has no version 3", "it has 1-2"),
        ("demo@1", "stagin", "the catalog has no alias `stagin`",
         "did you mean `staging`; the aliases are `staging`, `prod`"),
        ("demo@1", "blue", "the catalog has no alias `blue`", "the aliases are `staging`, `prod`"),
        ("demo@1", "$(id)\x1b[31m", "the catalog has no alias `$(id)\\x1b[31m`", "the aliases are `staging`, `prod`"),
        ("demo", "staging", "`demo` is not a version of `demo`", "it has 1-2, such as `demo@latest`"),
        ("demo@HEAD", "staging", "`demo@HEAD` is not a version of `demo`", "it has 1-2, such as `demo@latest`"),
        ("dmo@1", "staging", "there is no environment `dmo` in this catalog", "did you mean `demo`"),
        ("demo@$(id)", "staging", "`demo` has no `$(id)`", THERE),
        ("demo@\x1b[31m", "staging", "`demo` has no `\\x1b[31m`", THERE),
    ],
)  # fmt: skip
def test_what_cannot_be_promoted(
    place: Workplace, reference: str, alias: str, message: str, hint: str
) -> None:
    before = text(place)
    git(place.root, "commit", "-q", "--allow-empty", "-m", "More")
    assert tuple(place.run("promote", reference, alias)) == (2, "", f"error: {message}\nhint: {hint}\n")
    assert text(place) == before


def test_deprecate_warns_whoever_uses_it(place: Workplace) -> None:
    before = text(place)
    done = place.run(
        "deprecate", "demo", "--versions", "1", "--reason", "CVE-2026-1: see #3", "--replacement", "demo@2",
        "--until", "2999-12-31",
    )  # fmt: skip
    assert tuple(done) == (
        0,
        f"{FILE}\n"
        "  added  deprecated.reason       CVE-2026-1: see #3\n"
        "  added  deprecated.replacement  demo@2\n"
        "  added  deprecated.until        2999-12-31\n"
        "  added  deprecated.versions     1\n"
        "next: commit it: whoever uses these versions is warned\n",
        "",
    )
    statement = (
        'deprecated:\n  versions: "1"\n  reason: "CVE-2026-1: see #3"\n  replacement: "demo@2"\n'
        '  until: "2999-12-31"\n'
    )
    assert text(place) == before.replace("\nbase:", f"\n{statement}base:")
    assert place.run("validate").out == "1 checked, no problems\n"
    facts = "(use `demo@2` instead, to be used until 2999-12-31)"
    warning = f"warning: `demo@1` is deprecated: CVE-2026-1: see #3 {facts}\n"
    assert place.run("show", "demo@1").err == warning
    assert place.run("show", "demo@2").err == ""
    assert place.run("diff", "demo@1", "demo@2").err == warning
    assert place.run("promote", "demo@1", "staging").err == warning
    assert place.run("promote", "demo", "staging", "--remove").code == 0
    shown = place.run("show", "demo", "--format", "json").json
    assert shown["deprecated"] == {
        "versions": "1", "reason": "CVE-2026-1: see #3", "replacement": "demo@2", "until": "2999-12-31",
    }  # fmt: skip
    assert place.run("list").out.splitlines()[1].endswith("[deprecated 1] For a test")
    again = place.run(
        "deprecate", "demo", "--versions", "1", "--reason", "CVE-2026-1: see #3", "--replacement", "demo@2",
        "--until", "2999-12-31",
    )  # fmt: skip
    assert tuple(again) == (0, "unchanged  demo  it is deprecated in these words already\n", "")
    assert place.run("deprecate", "demo", "--remove").out == (
        f"{FILE}\n"
        "  removed  deprecated.reason       CVE-2026-1: see #3\n"
        "  removed  deprecated.replacement  demo@2\n"
        "  removed  deprecated.until        2999-12-31\n"
        "  removed  deprecated.versions     1\n"
        "next: commit it\n"
    )
    assert text(place) == before.replace("\nbase:", "\naliases: {}\nbase:")
    assert place.run("deprecate", "demo", "--remove").out == "unchanged  demo  it is not deprecated\n"


def test_what_cannot_be_deprecated(place: Workplace) -> None:
    before = text(place)

    def error(*options: str) -> tuple[int, str]:
        done = place.run("deprecate", "demo", *options)
        assert done.out == ""
        assert text(place) == before
        return done.code, done.err

    why = ("--reason", "old")
    assert error()[0] == error("--remove", *why)[0] == 2
    assert error("--versions", "3", *why) == (
        2,
        "error: `demo` has no version 3\nhint: it has 1-2; a range such as `2-` holds later ones, too\n",
    )
    assert error("--versions", "2-1", *why) == (
        2,
        "error: `deprecated.versions` has the range `2-1`, which ends before it begins\nhint: write `1-2`\n",
    )
    assert error("--versions", "one", *why) == (
        2,
        "error: `deprecated.versions` is `one`, which is not allowed: versions are numbers and ranges such as"
        " `1-2,4` or `3-`, which has no end\n",
    )
    assert error("--until", "2026-02-30", *why) == (
        2,
        "error: `deprecated.until` is `2026-02-30`, and there is no such day\n",
    )
    assert error("--replacement", "dmo", *why) == (
        2,
        "error: there is no environment `dmo` in this catalog\nhint: did you mean `demo`?\n",
    )
    assert error("--replacement", "demo", *why) == (
        2,
        "error: `deprecated.replacement` is `demo`, and all its versions are deprecated\n"
        "hint: name another environment, or add `versions`\n",
    )
    assert error("--versions", "1", "--replacement", "demo@7", *why) == (
        2,
        "error: `demo` has no version 7\nhint: it has 1-2\n",
    )
    assert error("--reason", " ") == (2, "error: `deprecated.reason` is empty\nhint: say why in one line\n")
    assert error("--reason", "a\nb") == (
        2,
        "error: `deprecated.reason` is `a\\nb`, which is not allowed: it is one line\n",
    )
    assert error("--reason", "a\u202eb") == (
        2,
        "error: the text for `deprecated` holds the bidirectional control character U+202E\nhint: remove it\n",
    )
    assert error("--reason", "a\x1b[31mb") == (
        2,
        "error: the text for `deprecated` holds the invisible or control character U+001B\nhint: remove it\n",
    )
    assert error("--reason", "a\udce9b")[1].startswith("error: the text for `deprecated` holds the invisible")


@pytest.mark.parametrize(
    "reason", ['"><script>alert(1)</script>', "{a: b} # c", "- x", "'$(id)'", "`rm` %0A::error::"]
)
def test_hostile_reasons_are_text(place: Workplace, reason: str) -> None:
    before = text(place)
    assert place.run("deprecate", "demo", "--reason", reason).code == 0
    assert place.run("show", "demo", "--format", "json").json["deprecated"]["reason"] == reason
    assert place.run("show", "demo").err == f"warning: `demo` is deprecated: {reason}\n"
    assert place.run("deprecate", "demo", "--remove").code == 0
    assert text(place) == before


def test_who_inherits_from_a_deprecated_version_is_warned(place: Workplace) -> None:
    place.add("child", "alpha==2.0", base="{environment: demo}")
    place.run("deprecate", "demo", "--versions", "2-", "--reason", "old")
    place.commit("Deprecate")
    warning = "warning: `demo@2` is deprecated: old\n"
    done = place.run("plan", "child")
    assert (done.code, done.err) == (0, warning)
    assert place.publish("child").err.startswith(warning)
    assert place.run("plan", "demo").err == ""
    assert place.run("build", "child").err.startswith(warning)


def test_a_day_that_has_passed_is_a_warning_of_validate(place: Workplace) -> None:
    place.run("deprecate", "demo", "--reason", "old", "--until", "2020-01-31")
    done = place.run("validate", "--format", "json")
    assert done.code == 0
    assert [
        (item["code"], item["severity"], item["line"], item["message"]) for item in done.json["problems"]
    ] == [
        ("deprecated-until", "warning", 5, "the versions were deprecated until 2020-01-31, which has passed")
    ]


def test_archive_and_restore(place: Workplace, tmp_path: Path) -> None:
    before = text(place)
    place.add("child", "alpha==2.0", base="{environment: demo}")
    assert tuple(place.run("archive", "demo")) == (
        0,
        f"{FILE}\n  added  archived  true\nnext: commit it; `envcat restore` brings it back\n",
        "warning: `child` inherits from it\n",
    )
    assert text(place) == before.replace("\nbase:", "\narchived: true\nbase:")
    assert place.run("archive", "demo").out == "unchanged  demo  it is archived already\n"
    place.commit("Archive")

    assert [row["name"] for row in place.run("list", "--format", "json").json["environments"]] == ["child"]
    rows = place.run("list", "--all", "--format", "json").json["environments"]
    assert [(row["name"], row["archived"]) for row in rows] == [("child", False), ("demo", True)]
    listed = place.run("list")
    assert (len(listed.out.splitlines()), listed.err) == (2, "1 archived, shown with `--all`\n")
    assert place.run("list", "--all").out.splitlines()[2].endswith("[archived] For a test")
    assert place.run("show", "demo").err == "warning: `demo` is archived\n"
    assert [item["code"] for item in place.run("validate", "--format", "json").json["problems"]] == [
        "base-archived"
    ]

    # What is published already stays as it is; what would be built on it is refused.
    assert place.plan("demo") == [("demo", "skip", "is version 2", 2)]
    assert place.published("demo") == [("demo", 2, "unchanged", "is version 2")]
    assert tuple(place.run("plan", "child")) == (
        1,
        "refuse  child  -  base `demo` is archived\n"
        "  hint: choose another base, or publish with `--archived`\n"
        "0 to build, 0 to retag, 0 unchanged, 1 refused\n",
        "",
    )
    assert tuple(place.run("build", "child")) == (
        1,
        "",
        "error: the base `demo` of `child` is archived\nhint: choose another base, or build with `--archived`\n",
    )
    assert tuple(place.run("checkout", "demo@1", str(tmp_path / "old"))) == (
        1,
        "",
        "warning: `demo` is archived\n"
        "error: `demo` is archived\nhint: run `envcat restore demo`, or check out with `--archived`\n",
    )
    assert not (tmp_path / "old").exists()
    assert place.run("checkout", "--archived", "demo@1", str(tmp_path / "old")).code == 0
    assert (tmp_path / "old/catalog/demo/environment.yaml").is_file()
    refused = place.run("register", "child")
    assert (refused.code, refused.err.splitlines()[-1]) == (
        1,
        "refused child: base `demo` is archived (choose another base, or publish with `--archived`)",
    )
    assert tuple(place.run("build", "demo")) == (
        1,
        "",
        "error: `demo` is archived\nhint: run `envcat restore demo`, or build with `--archived`\n",
    )
    assert place.run("build", "demo", "--archived").code == 0

    place.edit("demo", "alpha==2.0", "beta")
    place.lock("demo")
    place.commit("Change what is archived")
    assert place.plan("demo") == [("demo", "refuse", "archived", None)]
    refused = place.publish("demo")
    assert refused.code == 1
    assert [(row["status"], row["reason"]) for row in refused.json["published"]] == [("refused", "archived")]
    assert refused.err == (
        "refused demo: archived (run `envcat restore demo`, or publish with `--archived`)\n"
    )
    assert place.tags() == ["demo@1", "demo@2"]
    done = place.run("publish", "demo", "--archived", "--registry", place.images, "--format", "json")
    assert [(row["status"], row["version"]) for row in done.json["published"]] == [("published", 3)]

    assert tuple(place.run("restore", "demo")) == (
        0,
        f"{FILE}\n  removed  archived  true\nnext: commit it\n",
        "",
    )
    assert text(place) == before.replace("alpha==2.0", "beta")
    assert place.run("restore", "demo").out == "unchanged  demo  it is not archived\n"


def test_an_archive_does_not_fail_when_its_base_goes_on(place: Workplace) -> None:
    place.add("child", "alpha==2.0", base="{environment: demo}")
    place.published("child")
    place.run("archive", "child")
    place.edit("demo", "alpha==2.0", "beta")
    place.lock("demo")
    place.commit("Go on")
    assert place.plan() == [("demo", "build", "definition changed", 3), ("child", "skip", "archived", 1)]
    assert [row[2] for row in place.published()] == ["published", "unchanged"]
    refused = (
        "warning: `child` is archived\nerror: `child` is archived\nhint: run `envcat restore child`, or "
    )
    assert place.run("promote", "child@1", "staging") == Ran(1, "", refused + "promote with `--archived`\n")
    exported = place.run("export", "child@1", "--to", "requirements")
    assert exported == Ran(1, "", refused + "export with `--archived`\n")
    assert place.run("export", "child@1", "--to", "requirements", "--archived").code == 0
    promoted = place.run("promote", "child@1", "staging", "--archived")
    assert (promoted.code, promoted.err) == (0, "warning: `child` is archived\n")
    place.commit("Promote what is archived")
    assert place.plan("child") == [("child", "retag", "staging -> 1", 1)]
    assert place.published("child") == [("child", 1, "retagged", "staging -> 1")]
    assert place.layout()["child:staging"] == place.layout()["child:1"]
    place.images += "-elsewhere"
    assert place.plan("child") == [("child", "skip", "archived", 1)]


def test_never_published_and_archived_is_refused(workplace: Workplace) -> None:
    workplace.add("demo", "alpha", more="archived: true\n")
    assert workplace.plan() == [("demo", "refuse", "archived", None)]
    assert tuple(workplace.run("build")) == (0, "", "")


def test_metadata_makes_no_version(place: Workplace) -> None:
    for command in (
        ("promote", "demo@2", "staging"),
        ("deprecate", "demo", "--versions", "1", "--reason", "old"),
        ("archive", "demo"),
        ("restore", "demo"),
    ):
        assert place.run(*command).code == 0
        place.commit(" ".join(command))
        assert place.run("lock", "--check").code == 0
    assert place.plan(registry=False) == [("demo", "skip", "is version 2", 2)]


def test_a_form_that_cannot_be_edited_is_left_alone(place: Workplace) -> None:
    keys = text(place).replace("name: demo", "? name\n: demo").replace("description: ", "? description\n: ")
    place.write("demo", keys)
    assert tuple(place.run("deprecate", "demo", "--reason", "old")) == (
        2,
        "",
        f"error: `{FILE}` has a form in which `deprecated` cannot be edited alone\n"
        "hint: edit line 1 by hand: `deprecated: {reason: old}`\n",
    )
    assert text(place) == keys


def test_windows_line_ends_and_comments_stay(place: Workplace) -> None:
    data = b"\xef\xbb\xbf" + text(place).replace("\n", "\r\n").encode().removesuffix(b"\r\n")
    (place.root / FILE).write_bytes(data)
    assert place.run("archive", "demo").code == 0
    edited = (place.root / FILE).read_bytes()
    assert edited == data.replace(b"\r\nbase:", b"\r\narchived: true\r\nbase:")
    assert place.run("restore", "demo").code == 0
    assert (place.root / FILE).read_bytes() == data


def test_problems_stop_an_edit(place: Workplace) -> None:
    place.write("demo", "name: demo\nname: demo\n")
    done = place.run("archive", "demo")
    assert done.code == 1
    assert done.err.endswith("problems found\n")
    assert text(place) == "name: demo\nname: demo\n"


def test_from_python(place: Workplace, tmp_path: Path) -> None:
    with Catalog.open(place.root, cache=tmp_path / "c") as catalog:
        edited = catalog.promote("demo@latest", "staging")
        assert [(item.path, item.after) for item in edited.changes] == [("aliases.staging", "2")]
        assert catalog.find("demo@staging").version == catalog.find("demo@2").version
        assert [row.aliases for row in catalog.list()] == [(("staging", 2),)]


def test_the_life_of_an_environment_from_python(place: Workplace, tmp_path: Path) -> None:
    before = text(place)
    with Catalog.open(place.root, cache=tmp_path / "c") as catalog:
        assert [item.path for item in catalog.deprecate("demo", reason="old", versions="1").changes] == [
            "deprecated.reason",
            "deprecated.versions",
        ]
        assert catalog.archive("demo").changes[0].after == "true"
        assert [row.archived for row in catalog.list()] == [True]
        assert catalog.restore("demo").changes[0].before == "true"
        with pytest.raises(Refusal) as refused:
            catalog.promote("demo@2", "prod")
        assert refused.value.hint == "run `envcat promote demo@2 staging` first"
    assert text(place) == before.replace("\nbase:", '\ndeprecated:\n  versions: "1"\n  reason: old\nbase:')


def test_plan_says_why_another_builder_makes_another_image(place: Workplace) -> None:
    assert place.plan("demo") == [("demo", "skip", "is version 2", 2)]
    assert place.run("plan", "demo", "--builder", "docker").out.splitlines()[0] == (
        "build  demo  version 3  another builder is asked for; docker builder: `--builder` asks for it"
    )


def test_an_edit_keeps_the_mode_of_the_file(place: Workplace) -> None:
    path = place.root / FILE
    path.chmod(0o640)
    assert place.run("promote", "demo@1", "staging").code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
