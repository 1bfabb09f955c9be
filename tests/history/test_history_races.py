"""Twenty publishers at once, each a process of its own: one version for one plan, none lost, none overwritten."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envcatalog.catalog import editing
from envcatalog.catalog.publishing import publish, tagging
from envcatalog.catalog.publishing.actions import plan_actions
from envcatalog.catalog.sdk import Catalog
from envcatalog.model.seams import Repository
from history.light import Light
from support.catalog_fixtures import second_machine
from support.catalogs import Workplace, git

MANY = 20
# Starts, says so, and goes on when all others are there, too.
PUBLISH = """
import sys
from envcatalog.cli.main import main
from envcatalog.catalog import editing
from envcatalog.catalog.publishing import publish
print("ready", file=sys.stderr, flush=True)
sys.stdin.readline()
sys.argv = ["envcat", *sys.argv[1:]]
main()
"""


def at_once(place: Workplace, folders: Sequence[Path], *arguments: str) -> list[dict[str, Any]]:
    """The rows that each process printed; all must succeed."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISH, *arguments],
            cwd=folder,
            env={**os.environ, "ENVCATALOG_CACHE": str(place.cache)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder in folders
    ]
    for process in running:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    rows = []
    for process in running:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        (found,) = json.loads(out).values()
        rows += found
    return rows


def variants(place: Workplace) -> list[str]:
    """Commits side by side with one more edit each; the plan differs by a variable, so nothing is downloaded."""
    place.add("demo", "alpha<2", more="variables: {NUMBER: '0'}\n")
    commits = []
    start = git(place.root, "rev-parse", "HEAD")
    for number in range(1, MANY + 1):
        git(place.root, "checkout", "-q", "--detach", start)
        place.edit("demo", "NUMBER: '0'", f"NUMBER: '{number}'")
        place.lock()
        commits.append(place.commit(f"Variant {number}"))
    git(place.root, "checkout", "-q", "main")
    return commits


def check(place: Workplace, truth: Path, plans: int) -> None:
    """`plans` versions, numbered from 1, on both sides; `latest` names the last."""
    names = [f"demo@{number}" for number in range(1, plans + 1)]
    assert sorted(git(truth, "tag").splitlines()) == sorted(names)
    layout = place.layout()
    assert layout.keys() == {f"demo:{number}" for number in range(1, plans + 1)} | {"demo:latest"}
    assert layout["demo:latest"] == layout[f"demo:{plans}"]
    for number in range(1, plans + 1):
        text = git(truth, "cat-file", "tag", f"demo@{number}")
        assert f"\nImage: {layout[f'demo:{number}']}\n" in text
    assert len({layout[f"demo:{number}"] for number in range(1, plans + 1)}) == plans
    done = place.run("verify", "--offline", "--registry", place.images)
    assert done.out == f"{plans} version{'s' if plans > 1 else ''} verified, no errors, no warnings\n"
    git(truth, "fsck", "--strict")


def test_same_content_in_one_repository(workplace: Workplace) -> None:
    workplace.add("demo", "alpha<2")
    arguments = ("publish", "demo", "--registry", workplace.images, "--format", "json")
    rows = at_once(workplace, [workplace.root] * MANY, *arguments)
    assert {(row["version"], row["digest"]) for row in rows} == {(1, workplace.layout()["demo:1"])}
    check(workplace, workplace.root, 1)


@pytest.mark.slow
def test_different_content_in_one_repository(workplace: Workplace, tmp_path: Path) -> None:
    folders: list[Path] = []
    for commit in variants(workplace):
        folders.append(tmp_path / f"tree{len(folders)}")
        git(workplace.root, "worktree", "add", "-q", "--detach", str(folders[-1]), commit)
    arguments = ("publish", "demo", "--registry", workplace.images, "--format", "json")
    rows = at_once(workplace, folders, *arguments)
    assert sorted(row["version"] for row in rows) == list(range(1, MANY + 1))
    check(workplace, workplace.root, MANY)


@pytest.mark.parametrize("different", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_through_one_origin(with_origin: Workplace, tmp_path: Path, different: bool) -> None:
    place = with_origin
    assert place.origin is not None
    if different:
        commits = variants(place)
    else:
        place.add("demo", "alpha<2")
        commits = [git(place.root, "rev-parse", "HEAD")] * MANY
    for number, commit in enumerate(commits):
        git(place.root, "push", "-q", "origin", f"{commit}:refs/heads/b{number}")
    folders = []
    for number, commit in enumerate(commits):
        folders.append(tmp_path / f"clone{number}")
        git(tmp_path, "clone", "-q", str(place.origin), str(folders[-1]))
        git(folders[-1], "checkout", "-q", "--detach", commit)
    rows = at_once(place, folders, "publish", "demo", "--registry", place.images, "--format", "json")
    plans = MANY if different else 1
    assert sorted({row["version"] for row in rows}) == list(range(1, plans + 1))
    git(place.root, "fetch", "-q", "--tags", "origin")
    check(place, place.origin, plans)
    done = place.run("verify")
    assert done.code == 0, done.out


def test_register_and_publish_at_once(with_origin: Workplace, tmp_path: Path) -> None:
    """Whoever is first, the version is one, and it has its image in the end."""
    place = with_origin
    assert place.origin is not None
    place.add("demo", "alpha<2")
    git(place.root, "push", "-q", "origin", "main")
    folders = []
    for number in range(8):
        folders.append(tmp_path / f"clone{number}")
        git(tmp_path, "clone", "-q", str(place.origin), str(folders[-1]))
    published = ("publish", "demo", "--registry", place.images, "--format", "json")
    rows = at_once(place, folders[:4], "register", "demo", "--format", "json")
    assert {row["version"] for row in rows} == {1}
    rows = at_once(place, folders, *published)
    assert {row["version"] for row in rows} == {1}
    assert git(place.origin, "tag").splitlines() == ["demo@1", "images/demo@1"]
    git(place.root, "fetch", "-q", "--tags", "origin")
    done = place.run("verify", "--registry", place.images)
    assert done.out == "1 version verified, no errors, no warnings\n"


def test_a_late_publisher_does_not_move_latest_back(workplace: Workplace) -> None:
    """The first publisher is held up between its version and the registry's tags; the second overtakes it."""
    place = workplace
    place.add("demo", "alpha<2")
    real = tagging.tag_version
    held: list[Callable[[], None]] = []

    def hold(*arguments: Any, **options: Any) -> None:
        held.append(lambda: real(*arguments, **options))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "tag_version", hold)
        place.published()
    place.edit("demo", "alpha<2", "alpha>=2")
    place.lock()
    place.commit()
    assert place.published() == [("demo", 2, "published", "definition changed")]
    assert place.layout().keys() == {"demo:2", "demo:latest"}
    held[0]()
    layout = place.layout()
    assert layout.keys() == {"demo:1", "demo:2", "demo:latest"}
    assert layout["demo:latest"] == layout["demo:2"]


def test_a_number_that_somebody_tagged_meanwhile_is_not_overwritten(workplace: Workplace) -> None:
    place = workplace
    place.add("demo", "alpha<2")
    place.published()
    place.edit("demo", "alpha<2", "alpha>=2")
    place.lock()
    place.commit()
    real = tagging.tag_version
    first = place.layout()["demo:1"]

    def overtake(repository: Repository, *arguments: Any, **options: Any) -> None:
        manifest = repository.manifest(first)
        assert manifest is not None
        repository.put_manifest(manifest.data, manifest.media_type, tag="2")
        real(repository, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "tag_version", overtake)
        done = place.publish()
    second = place.trailers("demo@2")["Image"]
    assert done.code == 1
    assert done.err.splitlines()[-2] == (
        f"error: registry tag 2 of `demo` is {first}, but Git recorded {second}"
    )
    assert place.layout()["demo:2"] == first
    assert "registry-tag-moved" in place.run("verify", "--registry", place.images).out


@pytest.mark.parametrize("remote", [None, "origin"])
def test_who_publishes_between_git_and_registry_is_waited_for(
    with_origin: Workplace, tmp_path: Path, remote: str | None
) -> None:
    """Git was asked, then somebody made version 2, then the registry was asked: its tag 2 is no lost version."""
    place = with_origin
    if remote is None:
        git(place.root, "remote", "remove", "origin")
    place.add("demo", "alpha<2", more="variables: {NUMBER: '0'}\n")
    assert place.published("demo") == [("demo", 1, "published", "new")]
    if remote is None:
        git(place.root, "worktree", "add", "-q", "--detach", str(tmp_path / "other"))
        other = replace(place, root=tmp_path / "other")
    else:
        git(place.root, "push", "-q", "origin", "main")
        other = second_machine(place, tmp_path / "other")
    for number, one in enumerate((place, other), start=1):
        one.edit("demo", "NUMBER: '0'", f"NUMBER: '{number}'")
        one.lock()
        one.commit()
    with Catalog.open(place.root, cache=place.cache) as catalog:
        versions = catalog.versions_of(["demo"], remote=remote)
        assert [version.number for version in versions("demo")] == [1]
        assert other.published("demo") == [("demo", 2, "published", "definition changed")]
        with closing(catalog.open_registry(place.images)) as registry:
            content = catalog.at(catalog.repository.require_head())
            [action] = plan_actions(content, ["demo"], versions, catalog.at, registry)
    assert (action.action, action.version, action.reason) == ("build", 3, "definition changed")


def test_who_edits_a_file_is_alone_from_reading_to_writing(
    light: Light, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else can hold the folder meanwhile, and what was read before it was held does not count."""
    light.put("web", {"flask": "1"})
    light.commit()
    light.version("web")
    folder = light.root / "catalog/web"
    write = editing.write_file
    written = []

    def watched(path: Path, data: bytes) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(handle)
        written.append(path.name)
        write(path, data)

    with Catalog.open(light.root) as catalog:
        assert catalog.content.environment("web").aliases == ()
        done = subprocess.run(
            [sys.executable, "-m", "envcatalog", "-C", str(light.root), "promote", "web@1", "staging"],
            check=False,
        )
        assert done.returncode == 0
        monkeypatch.setattr(editing, "write_file", watched)
        catalog.promote("web@1", "prod")
        catalog.deprecate("web", reason="Old")
        catalog.archive("web")
        catalog.restore("web")
    assert written == ["environment.yaml"] * 4
    text = (folder / "environment.yaml").read_text()
    assert "aliases: {staging: 1, prod: 1}\n" in text
    assert "deprecated: {reason: Old}\n" in text
