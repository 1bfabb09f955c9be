"""`register`: definition, lock, commit and version in one command, and the image that comes later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.catalog_fixtures import second_machine
from support.catalogs import PYTHON, SETTINGS, Workplace, definition, git


def registered(place: Workplace, *names: str, options: tuple[str, ...] = ()) -> list[tuple[str, int, str]]:
    done = place.run("register", *names, *options, "--format", "json")
    assert done.code == 0, done.err
    return [(row["environment"], row["version"], row["status"]) for row in done.json["registered"]]


def test_from_a_definition_to_a_version(workplace: Workplace) -> None:
    place = workplace
    place.write("demo", definition("demo", "alpha<2"))
    place.write("other", definition("other", "beta"))
    (place.root / "catalog/demo/notes.txt").write_text("not ours to commit\n")
    before = git(place.root, "rev-parse", "HEAD")
    done = place.run("register", "demo", "-m", "For the audit")
    head = git(place.root, "rev-parse", "HEAD")
    assert (done.code, done.out) == (
        0,
        f"registered  demo  version 1  {head[:12]}  new\n1 registered, 0 unchanged, 0 refused\n",
    )
    assert done.err.splitlines()[-1] == (
        f"committed catalog/demo/environment.yaml, catalog/demo/lock.json as {head[:12]}"
    )
    assert git(place.root, "rev-parse", "HEAD~1") == before
    assert git(place.root, "log", "-1", "--format=%B").strip() == "For the audit"
    assert git(place.root, "show", "--format=", "--name-only", "HEAD").splitlines() == [
        "catalog/demo/environment.yaml",
        "catalog/demo/lock.json",
    ]
    assert git(place.root, "status", "--porcelain").splitlines() == [
        "?? catalog/demo/notes.txt",
        "?? catalog/other/",
    ]
    assert place.tags() == ["demo@1"]
    assert place.trailers("demo@1").keys() == {"Plan", "Lock"}
    [version] = place.run("log", "demo", "--format", "json").json["versions"]
    assert (version["version"], version["image"], version["message"]) == (1, None, "For the audit")
    assert place.run("list", "--format", "json").json["environments"][0]["version"] == 1


def test_the_same_plan_never_makes_a_second_version(workplace: Workplace) -> None:
    place = workplace
    place.write("demo", definition("demo", "alpha<2"))
    assert registered(place, "demo") == [("demo", 1, "registered")]
    head = git(place.root, "rev-parse", "HEAD")
    assert registered(place, "demo") == [("demo", 1, "unchanged")]
    assert git(place.root, "rev-parse", "HEAD") == head

    place.edit("demo", "description: For a test", "description: Other words\nowners: ['@a/b']")
    assert registered(place, "demo") == [("demo", 1, "unchanged")]
    assert git(place.root, "log", "-1", "--format=%s") == "Register demo", "the edit itself is kept"
    assert place.tags() == ["demo@1"]

    place.edit("demo", "alpha<2", "alpha")
    place.run("lock", "--upgrade", "demo")
    assert registered(place, "demo") == [("demo", 2, "registered")]
    place.edit("demo", "    - alpha", "    - alpha<2")
    git(place.root, "checkout", "-q", "demo@1", "--", "catalog/demo/lock.json")
    assert registered(place, "demo") == [("demo", 1, "unchanged")], "a way back is no new version"
    assert place.tags() == ["demo@1", "demo@2"]


def test_no_lock_refuses_what_is_stale(workplace: Workplace) -> None:
    place = workplace
    place.write("demo", definition("demo", "alpha<2"))
    before = git(place.root, "rev-parse", "HEAD")
    assert tuple(place.run("register", "demo", "--no-lock")) == (
        1,
        "",
        "error: the lock of `demo` does not belong to its definition\n"
        "hint: run `envcat lock demo`, or leave out `--no-lock`\n",
    )
    assert (git(place.root, "rev-parse", "HEAD"), place.tags()) == (before, [])
    assert not (place.root / "catalog/demo/lock.json").exists()
    place.lock("demo")
    assert registered(place, "demo", options=("--no-lock",)) == [("demo", 1, "registered")]


def test_problems_and_uncommitted_settings_stop_everything(workplace: Workplace) -> None:
    place = workplace
    place.write("demo", definition("demo", "alpha<2", more="nonsense: 1\n"))
    done = place.run("register", "demo")
    assert done.code == 1
    assert "nonsense" in done.err
    place.write("demo", definition("demo", "alpha<2"))
    (place.root / "catalog/catalog.yaml").write_text(f"# edited\n{SETTINGS}")
    done = place.run("register", "demo")
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        "error: `catalog/catalog.yaml` has uncommitted changes, and a version is a commit",
    )
    assert place.tags() == []
    assert place.run("register").code == 2
    assert place.run("register", "nobody").code == 2


def test_bases_are_committed_with_their_children(workplace: Workplace) -> None:
    place = workplace
    place.write("base", definition("base", "alpha<2"))
    child = definition("child", "beta", base="{environment: base}")
    place.write("child", child.replace(f'  version: "{PYTHON}"\n', f'  version: "{PYTHON}"\n'))
    place.write("other", definition("other", "gamma"))
    assert registered(place, "child") == [("child", 1, "registered")]
    assert git(place.root, "show", "--format=", "--name-only", "HEAD").splitlines() == [
        f"catalog/{name}/{file}" for name in ("base", "child") for file in ("environment.yaml", "lock.json")
    ]
    assert place.tags() == ["child@1"]
    assert registered(place, "child", "base") == [("base", 1, "registered"), ("child", 1, "unchanged")]


def test_registered_then_published(with_origin: Workplace, tmp_path: Path) -> None:
    place = with_origin
    place.write("demo", definition("demo", "alpha<2"))
    registered(place, "demo")
    git(place.root, "push", "-q", "origin", "main")
    tag = git(place.root, "rev-parse", "demo@1")
    assert place.plan(registry=False) == [("demo", "build", "registered without an image", 1)]
    assert place.plan() == [("demo", "build", "registered without an image", 1)]
    assert place.published() == [("demo", 1, "published", "registered without an image")]
    digest = place.layout()["demo:1"]
    assert place.layout() == {"demo:1": digest, "demo:latest": digest}
    assert git(place.root, "rev-parse", "demo@1") == tag, "a version's tag never changes"
    assert place.tags() == ["demo@1", "images/demo@1"]
    assert place.trailers("images/demo@1") == {
        "Plan": place.trailers("demo@1")["Plan"],
        "Image": digest,
        "Checks": "none",
    }
    [version] = place.run("log", "demo", "--format", "json").json["versions"]
    assert (version["version"], version["image"], version["checks"]) == (1, digest, "none")
    assert place.plan() == [("demo", "skip", "is version 1", 1)]
    assert place.published() == [("demo", 1, "unchanged", "is version 1")]
    assert registered(place, "demo") == [("demo", 1, "unchanged")]
    assert (
        place.run("verify", "--registry", place.images).out == "1 version verified, no errors, no warnings\n"
    )

    other = second_machine(place, tmp_path / "second")
    assert other.published() == [("demo", 1, "unchanged", "is version 1")]
    assert other.tags() == place.tags()

    place.edit("demo", "alpha<2", "alpha>=2")
    registered(place, "demo")
    git(place.root, "push", "-q", "origin", "main")
    git(other.root, "pull", "-q")
    assert other.published() == [("demo", 2, "published", "registered without an image")]
    assert place.published() == [("demo", 2, "unchanged", "is version 2")], "the record was fetched"
    assert place.tags() == other.tags() == ["demo@1", "demo@2", "images/demo@1", "images/demo@2"]


def test_an_alias_waits_for_its_image(workplace: Workplace) -> None:
    place = workplace
    place.write("demo", definition("demo", "alpha<2"))
    registered(place, "demo")
    place.edit("demo", "alpha<2", "alpha>=2")
    place.lock()
    place.edit("demo", "description:", "aliases: {staging: 1}\ndescription:")
    place.commit()
    assert place.published() == [("demo", 2, "published", "definition changed")]
    assert place.layout().keys() == {"demo:2", "demo:latest"}
    git(place.root, "checkout", "-q", "demo@1")
    assert place.published() == [("demo", 1, "published", "registered without an image")]
    git(place.root, "checkout", "-q", "main")
    assert place.published() == [("demo", 2, "retagged", "staging -> 1")]
    layout = place.layout()
    assert layout["demo:latest"] == layout["demo:2"] != layout["demo:1"] == layout["demo:staging"]


def test_a_version_made_before_there_was_a_remote_is_given_to_it(
    workplace: Workplace, tmp_path: Path
) -> None:
    place = workplace
    place.write("demo", definition("demo", "alpha<2"))
    registered(place, "demo")
    place.published()
    origin = tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", str(origin))
    git(place.root, "remote", "add", "origin", str(origin))
    done = place.publish("demo")
    assert done.code == 0, done.err
    assert "giving demo@1 to origin, which does not have it" in done.err.splitlines()
    assert git(origin, "tag").splitlines() == place.tags() == ["demo@1", "images/demo@1"]
    assert git(origin, "for-each-ref").count("refs/tags/") == 2


def test_a_moved_tag_stops_register_and_publish(with_origin: Workplace) -> None:
    place = with_origin
    place.write("demo", definition("demo", "alpha<2"))
    registered(place, "demo")
    here = git(place.root, "rev-parse", "demo@1")
    assert place.origin is not None
    git(place.origin, "tag", "-f", "-a", "-m", "other", "demo@1", "demo@1^{commit}")
    there = git(place.origin, "rev-parse", "demo@1")
    message = f"error: the tag `demo@1` is `{here[:12]}` here but `{there[:12]}` on `origin`\n"
    hint = "hint: a version never changes: run `envcat verify`, and find out who moved the tag\n"
    assert tuple(place.run("register", "demo")) == (1, "", message + hint)
    assert tuple(place.run("publish", "demo", "--registry", place.images)) == (1, "", message + hint)


def test_a_hook_may_refuse_the_commit(workplace: Workplace) -> None:
    place = workplace
    hook = place.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'not on a Sunday' >&2\nexit 1\n")
    hook.chmod(0o755)
    place.write("demo", definition("demo", "alpha<2"))
    done = place.run("register", "demo")
    assert done.code == 2
    assert "not on a Sunday" in done.err
    assert place.tags() == []


@pytest.mark.parametrize("step", ["commit", "tag"])
def test_killed_and_run_again(with_origin: Workplace, step: str) -> None:
    """A hook that kills the command stands for a kill: before the commit is made, and before the tag is taken."""
    place = with_origin
    place.write("demo", definition("demo", "alpha<2"))
    assert place.origin is not None
    folder = place.root / ".git" if step == "commit" else place.origin
    hook = folder / "hooks" / ("pre-commit" if step == "commit" else "pre-receive")
    hook.parent.mkdir(exist_ok=True)
    pid = place.root.parent / "pid"
    hook.write_text(f"#!/bin/sh\nkill -9 $(cat {pid})\nsleep 0.2\nexit 1\n")
    hook.chmod(0o755)
    process = subprocess.Popen(
        ["sh", "-c", f"echo $$ >{pid}; exec {sys.executable} -m envcatalog register demo"],
        cwd=place.root,
        env={**os.environ, "ENVCATALOG_CACHE": str(place.cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert place.tags() == []
    hook.unlink()
    (place.root / ".git/index.lock").unlink(missing_ok=True)
    assert registered(place, "demo") == [("demo", 1, "registered")]
    assert git(place.root, "status", "--porcelain") == ""
    assert git(place.origin, "tag") == "demo@1"
