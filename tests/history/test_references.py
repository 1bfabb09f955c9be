"""References: every form, their order where one text can mean two things, and what a wrong one is told."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from envcatalog.catalog.history.reference import parse_reference
from envcatalog.catalog.sdk import Catalog
from envcatalog.model.errors import UserError
from history.light import Light, digest
from support.catalogs import git


@pytest.fixture
def three(light: Light) -> Light:
    """Versions 1 (alpha 1.0, 1 March), 2 (alpha 2.0, 1 April) and an edit (alpha 3.0) that is not committed."""
    light.day("2026-03-01")
    light.put("demo", {"alpha": "1.0"})
    light.commit("Add demo")
    light.version("demo")
    light.day("2026-04-01")
    light.put("demo", {"alpha": "2.0"}, more="aliases: {prod: 1}\n")
    light.commit("Take alpha 2")
    light.version("demo")
    light.put("demo", {"alpha": "3.0"}, more="aliases: {prod: 1}\n")
    return light


def alpha(light: Light, reference: str) -> str:
    done = light.run("show", reference, "--format", "json")
    assert done.code == 0, done.err
    version: str = done.json["lock"]["platforms"]["linux/amd64"]["wheels"]["alpha"]
    return version


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("", "3.0"),
        ("@{worktree}", "3.0"),
        ("@1", "1.0"),
        ("@2", "2.0"),
        ("@latest", "2.0"),
        ("@prod", "1.0"),
        ("@main", "2.0"),
        ("@main~1", "1.0"),
        ("@refs/heads/main", "2.0"),
        ("@2026-03-01", "1.0"),  # the end of the day counts, so noon is before it
        ("@2026-03-31", "1.0"),
        ("@2026-04-01", "2.0"),
        ("@2026-04-01T11:59", "1.0"),
        ("@2026-04-01T12:00:00Z", "2.0"),
        ("@2026-04-01T13:30+02:00", "1.0"),
        ("@2030-01-01", "2.0"),
    ],
)
def test_every_form(three: Light, at: str, found: str) -> None:
    assert alpha(three, f"demo{at}") == found


def test_commits_by_full_and_short_id(three: Light) -> None:
    first = git(three.root, "rev-parse", "HEAD~1")
    assert alpha(three, f"demo@{first}") == alpha(three, f"demo@{first[:9]}") == "1.0"


def test_what_one_text_can_mean_has_an_order(three: Light) -> None:
    for branch in ("prod", "latest", "2026-03-01", "2"):
        git(three.root, "branch", branch, "HEAD")
    assert [alpha(three, f"demo@{at}") for at in ("prod", "latest", "2026-03-01", "2")] == [
        "1.0",
        "2.0",
        "1.0",
        "2.0",
    ]
    git(three.root, "branch", "-f", "latest", "HEAD~1")
    assert alpha(three, "demo@refs/heads/latest") == "1.0"
    assert alpha(three, "demo@refs/heads/prod") == "2.0"


def test_a_version_says_its_image_and_commit(three: Light) -> None:
    shown = three.run("show", "demo@1", "--format", "json").json
    commit = git(three.root, "rev-parse", "HEAD~1")
    assert shown["at"]["commit"] == commit
    assert shown["at"]["version"]["version"] == 1
    assert shown["at"]["version"]["image"] == digest(shown["at"]["version"]["plan"])
    assert three.run("show", "demo", "--format", "json").json["at"] is None


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("demo@9", "error: `demo` has no version 9\nhint: it has 1-2\n"),
        ("demo@prdo", "error: `demo` has no `prdo`\nhint: did you mean `demo@prod`\n"),
        ("demo@mian", "error: `demo` has no `mian`\nhint: did you mean `demo@main`\n"),
        (
            "demo@zzz",
            "error: `demo` has no `zzz`\nhint: there are versions 1-2, `prod`, `latest`, `{worktree}`, branch `main`, "
            "and every commit, tag and date\n",
        ),
        (
            "demo@2026-02-28",
            "error: `demo` had no version on 2026-02-28\n"
            "hint: its first, `demo@1`, is of 2026-03-01T12:00:00+00:00\n",
        ),
        (
            "demo@2026-02-30",
            "error: `2026-02-30` is no date\nhint: write `2026-03-31` or `2026-03-31T18:00+02:00`\n",
        ),
        ("dmo@1", "error: there is no environment `dmo` in this catalog\nhint: did you mean `demo`\n"),
        ("dmo@main", "error: there is no environment `dmo` at `main`\nhint: did you mean `demo@main`\n"),
        ("demo@PROD", "error: `demo` has no `PROD`\nhint: did you mean `demo@prod`\n"),
        ("demo@topic", "error: `demo` has no `topic`\nhint: did you mean `demo@origin/topic`\n"),
        ("demo@20260301", "error: `demo` has no `20260301`\nhint: did you mean `demo@2026-03-01`\n"),
        ("demo@2026-3-1", "error: `demo` has no `2026-3-1`\nhint: did you mean `demo@2026-03-01`\n"),
        ("demo@HEAD^^", "error: `demo` has no `HEAD^^`\nhint: did you mean `demo@HEAD~2`\n"),
        ("demo:2", "error: `demo:2` is no reference\nhint: did you mean `demo@2`\n"),
        ("demo==2", "error: `demo==2` is no reference\nhint: did you mean `demo@2`\n"),
        ("demo/v2", "error: `demo/v2` is no reference\nhint: did you mean `demo@2`\n"),
        ("Demo", "error: `Demo` is no reference\nhint: did you mean `demo`\n"),
        ("catalog/demo/", "error: `catalog/demo/` is no reference\nhint: did you mean `demo`\n"),
        (
            "catalog/demo/environment.yaml",
            "error: `catalog/demo/environment.yaml` is no reference\nhint: did you mean `demo`\n",
        ),
        ("demo@", "error: `demo@` has nothing after the `@`\nhint: write `demo` or `demo@latest`\n"),
    ],
)
def test_a_wrong_one_says_what_exists(three: Light, reference: str, said: str) -> None:
    git(three.root, "update-ref", "refs/remotes/origin/topic", "HEAD~1")
    assert three.said("show", reference) == said


def test_an_environment_that_is_gone_keeps_its_versions(three: Light) -> None:
    git(three.root, "checkout", "-q", ".")
    git(three.root, "rm", "-rq", "catalog/demo")
    three.commit("Remove demo")
    assert alpha(three, "demo@2") == "2.0"
    assert three.said("show", "demo") == (
        "error: there is no environment `demo` on disk any more\n"
        "hint: its versions are 1-2: write `demo@2`, or run `envcat log demo`\n"
    )
    assert [row["version"] for row in three.run("log", "demo", "--format", "json").json["versions"]] == [2, 1]


def test_an_alias_that_names_no_version(three: Light) -> None:
    three.put("demo", {"alpha": "3.0"}, more="aliases: {prod: 7}\n")
    assert three.said("show", "demo@prod") == (
        "error: alias `prod` names version 7, which does not exist\nhint: it has 1-2\n"
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-31", datetime(2026, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2026-03-31+02:00", datetime(2026, 3, 31, 21, 59, 59, 999999, tzinfo=UTC)),
        ("2026-03-31T10:00", datetime(2026, 3, 31, 10, tzinfo=UTC)),
        ("2026-03-31T10:00:30-05:00", datetime(2026, 3, 31, 15, 0, 30, tzinfo=UTC)),
        ("20260331", None),
        ("2026-3-1", None),
    ],
)
def test_dates(text: str, moment: datetime | None) -> None:
    assert parse_reference(f"a@{text}").moment == moment


@pytest.mark.parametrize("text", ["9999-12-31-14:00", "2026-13-01", "2026-01-01T25:00"])
def test_no_dates(text: str) -> None:
    with pytest.raises(UserError, match="is no date"):
        _ = parse_reference(f"a@{text}").moment


def test_the_sdk_answers_alike(three: Light) -> None:
    with Catalog.open(three.root) as catalog:
        found = catalog.find("demo@prod")
        assert found.version is not None
        assert (found.name, found.version.number, found.commit) == ("demo", 1, found.version.commit)
        assert json.dumps(found.environment.name) == '"demo"'


@pytest.mark.parametrize(
    "command", ["lock", "publish --registry oci:images", "plan --shard 1/1", "plan --since HEAD"]
)
def test_commands_on_the_files_on_disk_say_where_else_to_work(three: Light, command: str) -> None:
    assert three.said(*command.split(), "demo@1") == (
        "error: `demo@1` is not what is on disk, and this command works on the files there\n"
        "hint: run `envcat checkout demo@1 DIR`, and work there\n"
    )


@pytest.mark.parametrize("command", ["plan", "validate", "build", "lock"])
def test_references_to_nothing(three: Light, command: str) -> None:
    assert three.run("validate", "demo@{worktree}").out == three.run("validate", "demo").out
    assert three.said(command, "demo@prdo") == "error: `demo` has no `prdo`\nhint: did you mean `demo@prod`\n"


def test_a_commit_is_checked_and_planned_instead_of_what_is_on_disk(three: Light) -> None:
    path = three.root / "catalog/demo/environment.yaml"
    path.write_text(path.read_text() + "oops: 1\n")
    assert three.run("validate", "demo").code == 1
    for reference in ("demo@1", "demo@HEAD~1"):
        assert three.run("validate", reference).out == "1 checked, no problems\n"
    assert three.said("validate", "demo@prod") == (
        "error: `demo` has no `prod`\nhint: `catalog/demo/environment.yaml` has problems, so its aliases are not "
        "known: run `envcat validate`\n"
    )
    git(three.root, "checkout", "--", "catalog")
    planned = [
        json.loads(three.run("plan", reference, "--format", "json").out)["actions"][0]
        for reference in ("demo@1", "demo@prod", "demo@2")
    ]
    assert [(item["version"], item["reason"]) for item in planned] == [
        (1, "is version 1"),
        (1, "is version 1"),
        (2, "is version 2"),
    ]
    assert three.said("validate", "demo@1", "demo@2") == (
        "error: `demo@1` and `demo@2` are of different commits, and this command works on one\n"
        "hint: run it for each of them\n"
    )


def test_a_branch_that_is_hidden_is_spelled_out(three: Light) -> None:
    git(three.root, "branch", "prod", "HEAD")
    git(three.root, "branch", "2", "HEAD")
    assert three.said("show", "demo@zzz") == (
        "error: `demo` has no `zzz`\nhint: there are versions 1-2, `prod`, `latest`, `{worktree}`, branch "
        "`refs/heads/2`, branch `main`, branch `refs/heads/prod`, and every commit, tag and date\n"
    )


def test_commands_about_all_of_an_environment_say_what_to_write(three: Light) -> None:
    three.put("demo", {"alpha": "2.0"})
    about = "error: `demo@1` is one moment of `demo`, and this command is about all of it\n"
    assert three.said("archive", "demo@1") == (
        f"{about}hint: run `envcat archive demo`, or `envcat deprecate demo@1` for a version\n"
    )
    assert three.said("restore", "demo@1") == f"{about}hint: run `envcat restore demo`\n"
    assert three.said("promote", "demo@1", "prod", "--remove") == (
        f"{about}hint: run `envcat promote demo prod --remove`\n"
    )
    assert three.run("archive", "demo@{worktree}").code == 0
    assert three.run("restore", "demo@{worktree}").code == 0
    assert three.said("update", "demo@1") == (
        "error: `demo@1` is not what is on disk, and this command works on the files there\n"
        "hint: run `envcat checkout demo@1 DIR`, and work there\n"
    )


def test_one_version_is_deprecated_by_its_reference(three: Light) -> None:
    three.put("demo", {"alpha": "2.0"}, more="aliases: {staging: 1, prod: 1}\n")
    for reference in ("demo@1", "demo@prod"):
        done = three.run("deprecate", reference, "--reason", "Old")
        assert done.code == 0, done.err
    text = (three.root / "catalog/demo/environment.yaml").read_text()
    assert 'deprecated:\n  versions: "1"\n  reason: Old\n' in text
    three.commit("Deprecate")
    assert three.said("deprecate", "demo@main", "--reason", "Old") == (
        "error: `demo@main` is not a version of `demo`\nhint: it has 1-2, such as `demo@latest`\n"
    )
    assert three.said("deprecate", "demo@1", "--versions", "2", "--reason", "Old") == (
        "error: `demo@1` names a version, and so does `--versions`\nhint: leave one of them out\n"
    )
    assert three.said("deprecate", "demo@9", "--reason", "Old") == (
        "error: `demo` has no version 9\nhint: it has 1-2\n"
    )


def test_verify_takes_every_reference_that_names_a_version(three: Light) -> None:
    day = three.run("verify", "demo@2026-03-01")
    assert (day.code, day.out) == (0, "1 version verified, no errors, no warnings\n")
    assert (
        three.said("verify", "demo@prdo") == "error: `demo` has no `prdo`\nhint: did you mean `demo@prod`\n"
    )
    assert three.said("verify", "dmo") == (
        "error: there is no environment `dmo` in this catalog\nhint: did you mean `demo`\n"
    )


def test_what_is_on_disk_is_shown_as_the_version_that_it_is(three: Light) -> None:
    """An edit is none, and has no image yet; what was taken back is the old one, on a branch, too."""

    def facts(reference: str) -> list[str]:
        lines = three.run("show", reference).out.splitlines()
        return [" ".join(line.split()[1:]) for line in lines if line.split()[0] in ("version", "image")]

    newest = "the newest is 2, 2026-04-01T12:00:00+00:00"
    assert facts("demo") == [f"none; {newest}"]
    plans = [row["image"] for row in three.run("log", "demo", "--format", "json").json["versions"]]
    three.put("demo", {"alpha": "1.0"}, more="aliases: {prod: 1}\n")
    first = ["1, 2026-03-01T12:00:00+00:00 (the newest is 2)", plans[1]]
    assert facts("demo") == first
    three.commit("Take it back")
    assert facts("demo@main") == first
    assert facts("demo@2") == ["2, 2026-04-01T12:00:00+00:00", plans[0]]


def test_an_ambiguous_id_names_those_that_it_may_be(three: Light) -> None:
    """Four digits of some hundred commits: two of them always begin alike, since the ids are always the same."""
    tree = git(three.root, "rev-parse", "HEAD^{tree}")
    seen: dict[str, str] = {}
    for number in range(2000):
        made = git(three.root, "commit-tree", tree, "-m", str(number))
        if made[:4] in seen:
            break
        seen[made[:4]] = made
    other = seen[made[:4]]
    said = three.said("show", f"demo@{made[:4]}")
    assert said.startswith(
        f"error: `{made[:4]}` is the start of more than one commit id\nhint: write more of its digits: `{made[:4]}"
    )
    named = re.findall(r"`([0-9a-f]{5,})`", said)
    assert sorted(full for full in (made, other) if any(full.startswith(one) for one in named)) == sorted(
        [made, other]
    )


def test_since_a_branch_that_is_not_there(three: Light) -> None:
    assert three.said("plan", "--since", "mian") == (
        "error: no commit, branch or tag is called `mian`\nhint: did you mean `main`\n"
    )
