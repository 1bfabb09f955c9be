"""`update`: what becomes newer, on which branch, in which commit; and that nothing else is touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.catalogs import Workplace, base_layout, definition, git


def newer(place: Workplace) -> None:
    """`first` and `second` are locked; then the index gets new releases of alpha and gamma."""
    place.write("first", definition("first", "alpha", "beta"))
    place.write("second", definition("second", "alpha"))
    (place.index.root / "main/files/alpha-2.0-py3-none-any.whl").unlink()
    place.lock()
    place.index.add("alpha", "2.0")
    place.index.add("gamma", "1.1")
    place.commit("Add first and second")


def state(root: Path) -> tuple[str, str, str]:
    """What a user would notice: the current commit, the branch, and every difference to it."""
    return (
        git(root, "rev-parse", "HEAD"),
        git(root, "symbolic-ref", "HEAD"),
        git(root, "status", "--porcelain", "--ignored", "-uall"),
    )


def branches(root: Path) -> list[str]:
    return git(root, "for-each-ref", "--format=%(refname:short)", "refs/heads/envcat").splitlines()


def versions(root: Path, revision: str, name: str) -> dict[str, str]:
    lock = json.loads(git(root, "show", f"{revision}:catalog/{name}/lock.json"))
    return {item["name"]: item["version"] for item in lock["platforms"]["linux/amd64"]["wheels"]}


def test_one_branch_and_one_commit_for_each_environment(workplace: Workplace) -> None:
    newer(workplace)
    (workplace.root / "catalog/first/environment.yaml").write_text("half an edit: [")
    before = state(workplace.root)
    done = workplace.run("update", "--format", "json")
    assert done.code == 0, done.err
    assert state(workplace.root) == before
    assert [(row["branch"], row["environments"], row["status"]) for row in done.json["updates"]] == [
        ("envcat/first", ["first"], "created"),
        ("envcat/second", ["second"], "created"),
    ]
    assert done.json["updates"][0]["changes"] == [
        {
            "environment": "first",
            "path": "python.packages.alpha",
            "kind": "upgraded",
            "before": "1.0",
            "after": "2.0",
            "direct": True,
            "inherited_from": None,
            "license": None,
        },
        {
            "environment": "first",
            "path": "python.packages.gamma",
            "kind": "upgraded",
            "before": "1.0",
            "after": "1.1",
            "direct": False,
            "inherited_from": None,
            "license": None,
        },
    ]
    assert branches(workplace.root) == ["envcat/first", "envcat/second"]
    assert git(workplace.root, "rev-parse", "envcat/first^") == before[0]
    assert git(workplace.root, "diff", "--name-only", "HEAD", "envcat/first") == "catalog/first/lock.json"
    assert git(workplace.root, "log", "-1", "--format=%B", "envcat/first") == (
        "Update alpha 1.0 -> 2.0 and 1 more in first\n\n"
        "first:\n"
        "- upgraded python.packages.alpha 1.0 -> 2.0\n"
        "- upgraded python.packages.gamma 1.0 -> 1.1\n\n"
        "Envcat-Update: environment first"
    )
    assert git(workplace.root, "log", "-1", "--format=%an %s", "envcat/second") == (
        "Ada Example Update alpha 1.0 -> 2.0 in second"
    )
    assert versions(workplace.root, "envcat/first", "first") == {
        "alpha": "2.0",
        "beta": "1.0",
        "gamma": "1.1",
    }


def test_the_commit_is_what_lock_would_write(workplace: Workplace) -> None:
    newer(workplace)
    assert workplace.run("update", "second").code == 0
    workplace.lock("second", upgrade=True)
    written = (workplace.root / "catalog/second/lock.json").read_text()
    assert git(workplace.root, "show", "envcat/second:catalog/second/lock.json") + "\n" == written


def test_nothing_new_makes_no_branch(workplace: Workplace) -> None:
    workplace.add("first", "alpha", "beta")
    done = workplace.run("update")
    assert (done.code, done.out) == (0, "nothing new\n")
    assert workplace.run("update", "--check").code == 0
    assert branches(workplace.root) == []


def test_check_says_what_would_change_and_writes_nothing(workplace: Workplace) -> None:
    newer(workplace)
    before = git(workplace.root, "count-objects", "-v")
    done = workplace.run("update", "second", "--check")
    assert (done.code, done.out) == (
        1,
        "found  envcat/second  -  Update alpha 1.0 -> 2.0 in second\n"
        "  second\n"
        "    upgraded  python.packages.alpha  1.0 -> 2.0\n"
        "1 update of 1 environment\n",
    )
    assert branches(workplace.root) == []
    assert git(workplace.root, "count-objects", "-v") == before


def test_grouped_in_one(workplace: Workplace) -> None:
    newer(workplace)
    done = workplace.run("update", "--group", "all", "--branch-prefix", "envcat/nightly-", "--format", "json")
    assert [(row["branch"], row["environments"]) for row in done.json["updates"]] == [
        ("envcat/nightly-all", ["first", "second"])
    ]
    assert git(workplace.root, "log", "-1", "--format=%s", "envcat/nightly-all") == (
        "Update alpha 1.0 -> 2.0 and 1 more in 2 environments"
    )


def test_grouped_by_package(workplace: Workplace) -> None:
    newer(workplace)
    done = workplace.run("update", "--group", "package", "--format", "json")
    assert [(row["branch"], row["environments"]) for row in done.json["updates"]] == [
        ("envcat/package-alpha", ["first", "second"]),
        ("envcat/package-gamma", ["first"]),
    ]
    assert versions(workplace.root, "envcat/package-gamma", "first") == {
        "alpha": "1.0",
        "beta": "1.0",
        "gamma": "1.1",
    }


def test_one_package_alone(workplace: Workplace) -> None:
    newer(workplace)
    done = workplace.run("update", "--package", "Gamma", "--format", "json")
    assert [(row["branch"], len(row["changes"])) for row in done.json["updates"]] == [("envcat/first", 1)]
    assert "locking second" not in done.err


def test_children_are_locked_anew_in_the_same_commit(workplace: Workplace) -> None:
    place = workplace
    place.write("ground", definition("ground", "gamma"))
    place.write("child", definition("child", "alpha", base="{environment: ground}"))
    place.write("grandchild", definition("grandchild", base="{environment: child}"))
    place.write("other", definition("other", "alpha"))
    place.lock()
    place.commit("A family")
    place.index.add("gamma", "1.1")
    done = place.run("update", "--format", "json")
    assert [(row["branch"], row["environments"]) for row in done.json["updates"]] == [
        ("envcat/ground", ["ground", "child", "grandchild"])
    ]
    assert "Locked anew, since their base changed: child, grandchild\n" in git(
        place.root, "log", "-1", "--format=%B", "envcat/ground"
    )
    git(place.root, "switch", "-q", "envcat/ground")
    assert place.run("lock", "--check").code == 0


def test_a_refused_family_holds_up_no_other(workplace: Workplace) -> None:
    newer(workplace)
    workplace.index.add("beta", "2.0", requires=["alpha>=2"])
    workplace.edit("first", "- alpha", "- alpha==7.0")
    workplace.commit("Ask for what there is not")
    done = workplace.run("update", "--format", "json")
    assert done.code == 1
    assert [row["branch"] for row in done.json["updates"]] == ["envcat/second"]
    assert [row["subject"] for row in done.json["failed"]] == ["first"]


def test_run_again_it_changes_nothing_and_a_newer_find_replaces(workplace: Workplace) -> None:
    newer(workplace)
    assert workplace.run("update", "second").code == 0
    first = git(workplace.root, "rev-parse", "envcat/second")
    done = workplace.run("update", "second", "--format", "json")
    assert (done.json["updates"][0]["status"], done.json["updates"][0]["commit"]) == ("unchanged", first)
    workplace.index.add("alpha", "3.0")
    done = workplace.run("update", "second", "--format", "json")
    assert done.json["updates"][0]["status"] == "replaced"
    assert git(workplace.root, "rev-list", "--count", "HEAD..envcat/second") == "1"
    assert versions(workplace.root, "envcat/second", "second") == {"alpha": "3.0"}


def test_what_people_added_stays(workplace: Workplace) -> None:
    newer(workplace)
    assert workplace.run("update", "second").code == 0
    git(workplace.root, "switch", "-q", "envcat/second")
    (workplace.root / "note").write_text("by hand\n")
    added = workplace.commit("Add a note")
    git(workplace.root, "switch", "-q", "main")
    workplace.index.add("alpha", "3.0")
    done = workplace.run("update", "second", "--format", "json")
    assert done.code == 1
    assert done.json["failed"] == [
        {
            "subject": "envcat/second",
            "reason": "the branch `envcat/second` holds commits that are not of `envcat update`",
        }
    ]
    assert git(workplace.root, "rev-parse", "envcat/second") == added


def test_a_branch_that_is_checked_out_is_not_moved(workplace: Workplace, tmp_path: Path) -> None:
    newer(workplace)
    assert workplace.run("update", "second").code == 0
    git(workplace.root, "worktree", "add", "-q", str(tmp_path / "linked"), "envcat/second")
    workplace.index.add("alpha", "3.0")
    done = workplace.run("update", "second", "--format", "json")
    assert [row["reason"] for row in done.json["failed"]] == ["the branch `envcat/second` is checked out"]


def test_by_age_of_the_lock(workplace: Workplace) -> None:
    newer(workplace)  # committed in January, by the clock of the tests
    with workplace.monkeypatch.context() as patch:
        patch.delenv("GIT_COMMITTER_DATE")
        lock = workplace.root / "catalog/second/lock.json"
        value = json.loads(lock.read_text())
        lock.write_text(json.dumps(value))  # other bytes, the same lock
        workplace.commit("Touch the lock of second today")
    done = workplace.run("update", "--older-than", "7d", "--format", "json")
    assert [row["branch"] for row in done.json["updates"]] == ["envcat/first"]
    assert workplace.run("update", "--older-than", "9999d", "--format", "json").json["updates"] == []


def test_pushed_and_replaced_on_the_remote(with_origin: Workplace) -> None:
    place = with_origin
    newer(place)
    done = place.run("update", "second", "--push", "--format", "json")
    assert (done.code, done.json["updates"][0]["pushed"]) == (0, True), done.err
    assert place.origin is not None
    there = git(place.origin, "rev-parse", "envcat/second")
    assert there == git(place.root, "rev-parse", "envcat/second")
    git(place.root, "branch", "-qD", "envcat/second")  # as in the fresh clone of a nightly job
    place.index.add("alpha", "3.0")
    assert place.run("update", "second", "--push").code == 0
    assert versions(place.origin, "envcat/second", "second") == {"alpha": "3.0"}
    assert git(place.origin, "tag") == ""


def test_what_people_pushed_stays(with_origin: Workplace, tmp_path: Path) -> None:
    place = with_origin
    newer(place)
    assert place.origin is not None
    assert place.run("update", "second", "--push").code == 0
    git(place.root, "switch", "-q", "envcat/second")
    added = place.commit("Nothing") if (place.root / "x").write_text("x") else ""
    git(place.root, "push", "-q", "origin", "envcat/second")
    git(place.root, "switch", "-q", "main")
    git(place.root, "branch", "-qD", "envcat/second")
    place.index.add("alpha", "3.0")
    assert place.run("update", "second", "--push").code == 1
    assert git(place.origin, "rev-parse", "envcat/second") == added


def test_another_clone_finds_that_the_remote_says_so_already(with_origin: Workplace) -> None:
    newer(with_origin)
    assert (
        with_origin.run("update", "second", "--push", "--format", "json").json["updates"][0]["status"]
        == "created"
    )
    git(with_origin.root, "branch", "-qD", "envcat/second")
    again = with_origin.run("update", "second", "--push", "--format", "json").json["updates"][0]
    assert (again["status"], again["pushed"]) == ("unchanged", True)


def test_a_pull_request_that_is_refused_is_a_failure(with_origin: Workplace, fake_gh: Path) -> None:
    newer(with_origin)
    gh = fake_gh.parent / "bin/gh"
    gh.write_text("#!/bin/sh\necho 'may not create pull requests' >&2\nexit 1\n")
    done = with_origin.run("update", "second", "--open")
    reason = "`gh` did not open the pull request (may not create pull requests)"
    assert (done.code, done.out.splitlines()[-2:]) == (
        1,
        [
            f"failed  envcat/second  {reason}: open it in the forge for the branch `envcat/second`",
            "1 update of 1 environment, 1 failed",
        ],
    )


@pytest.fixture
def fake_gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `gh` that writes down how it was called, and the body it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "gh.txt"
    script = folder / "gh"
    script.write_text(
        "#!/bin/sh\n"
        f'for word in "$@"; do echo "$word" >> {log}; case "$word" in --body-file=*) '
        f'cat "${{word#--body-file=}}" >> {log};; esac; done\n'
        "echo https://forge.example.com/acme/catalog/pull/7\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return log


def test_the_pull_request_is_opened_by_the_forges_own_command(with_origin: Workplace, fake_gh: Path) -> None:
    newer(with_origin)
    done = with_origin.run("update", "second", "--open", "--format", "json")
    assert done.json["updates"][0]["pull_request"] == "https://forge.example.com/acme/catalog/pull/7"
    lines = fake_gh.read_text().splitlines()
    assert lines[:2] == ["pr", "list"]
    lines = lines[lines.index("create") - 1 :]
    assert lines[:4] == [
        "pr",
        "create",
        "--head=envcat/second",
        "--title=Update alpha 1.0 -> 2.0 in second",
    ]
    assert "| upgraded | `python.packages.alpha` | `1.0` | `2.0` |" in lines
    assert lines[-1] == "--base=main"


def test_usage(workplace: Workplace) -> None:
    for arguments in (["--security"], ["--check", "--push"], ["--older-than", "a month"]):
        assert workplace.run("update", *arguments).code == 2
    assert workplace.run("update", "nothing").err.startswith("error: there is no environment `nothing`")
    assert "there is no remote `origin`" in workplace.run("update", "--push").err


def test_a_base_image_is_a_package_of_its_own(workplace: Workplace) -> None:
    workplace.add("first", "alpha")
    base_layout(workplace.root / "bases", files={"etc/passwd": b"root:x:0:0::/:/bin/sh\n", "etc/new": b"1"})
    workplace.commit("A newer base image")
    done = workplace.run("update", "--group", "package", "--format", "json")
    assert [(row["branch"], row["subject"]) for row in done.json["updates"]] == [
        ("envcat/package-oci-bases-tiny", "Update base image in first")
    ]


@pytest.mark.parametrize("prefix", ["", "-x", "../x", "a b", "a..b", "/a", "a//b", "a/.b", "x~", "a\\b", "ä"])
def test_a_prefix_that_begins_no_branch_is_refused(workplace: Workplace, prefix: str) -> None:
    newer(workplace)
    done = workplace.run("update", f"--branch-prefix={prefix}")
    assert (done.code, done.out) == (2, "")
    assert f"`{prefix}` is not what a branch's name may begin with" in done.err
    assert git(workplace.root, "branch", "--format=%(refname:short)") == "main"


def test_a_package_that_no_lock_holds_is_an_error(workplace: Workplace) -> None:
    newer(workplace)
    done = workplace.run("update", "--package", "alpha", "--package", "Alhpa")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: no lock here holds `Alhpa`\nhint: run `envcat search Alhpa`\n"
    assert workplace.run("update", "--package", "Alpha", "--check").code == 1


def test_security_says_what_it_needs(workplace: Workplace) -> None:
    for arguments, wrong in (
        (("--security",), "--security needs --advisories PATH, since no advisory is fetched"),
        (("--advisories", "x"), "--advisories needs --security"),
    ):
        done = workplace.run("update", *arguments)
        assert (done.code, f"error: {wrong}" in done.err.splitlines()) == (2, True), done.err
