"""From merge to image by the scripts of the workflows themselves, with real Git and a bare origin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from forge_runner import Done, commands, load, run_step, script

from envcatalog.ci.github import github_files
from support.catalogs import Workplace, definition, git

FILES = github_files("1.2.3").kept
PUBLISH, TAG, REFRESH = (
    load(FILES[f".github/workflows/{name}.yml"]) for name in ("publish", "publish-tag", "refresh")
)


class Forge:
    """Runs scripts of jobs, each in a clone and with a cache of its own."""

    def __init__(self, place: Workplace, folder: Path) -> None:
        self.place = place
        self.folder = folder
        self.jobs = 0

    def run(self, text: str, **variables: str) -> Done:
        self.jobs += 1
        clone, tools = self.folder / f"job-{self.jobs}", self.folder / "tools"
        git(self.folder, "clone", "-q", str(self.place.origin), str(clone))
        tools.mkdir(exist_ok=True)
        (tools / "gh").write_text(f'#!/bin/sh\necho "gh $*" >> "{self.folder}/gh.log"\n')
        (tools / "gh").chmod(0o755)
        return run_step(
            text,
            clone,
            tools,
            ENVCAT_REGISTRY=self.place.images,
            ENVCATALOG_CACHE=str(self.folder / f"cache-{self.jobs}"),
            **variables,
        )

    def plan(self) -> tuple[Done, dict[str, Any]]:
        done = self.run(script(PUBLISH, "Plan"))
        return done, {
            key: json.loads(value) for key, value in (line.split("=", 1) for line in done.output.splitlines())
        }

    def publish(self, stage: str, matrix: dict[str, Any]) -> list[Done]:
        [text] = [step["run"] for step in PUBLISH["jobs"][stage]["steps"] if step.get("name") == "Publish"]
        return [self.run(text, NAMES=entry["environments"]) for entry in matrix["include"]]


@pytest.fixture
def forge(with_origin: Workplace, tmp_path: Path) -> Forge:
    folder = tmp_path / "forge"
    folder.mkdir()
    return Forge(with_origin, folder)


def test_a_merge_is_published_in_two_stages(forge: Forge) -> None:
    place = forge.place
    place.add("base", "alpha<2")
    place.add("one", "beta", base="{environment: base}")
    place.add("two", "gamma", base="{environment: base}")
    git(place.root, "push", "-q", "origin", "main")
    planned, stages = forge.plan()
    assert planned.code == 0, planned.log
    assert commands(planned.log) == []
    assert "| build | `base` | 1 | new |" in planned.summary
    assert [entry["group"] for entry in stages["bases"]["include"]] == ["base"]
    assert [entry["group"] for entry in stages["rest"]["include"]] == ["one", "two"]
    for stage in ("bases", "rest"):
        for done in forge.publish(stage, stages[stage]):
            assert done.code == 0, done.log
            assert commands(done.log) == []
    assert git(place.origin, "tag", "--list").splitlines() == ["base@1", "one@1", "two@1"]  # type: ignore[arg-type]
    assert {"base:1", "one:1", "two:1", "two:latest"} <= set(place.layout())
    _, again = forge.plan()
    assert again == {"bases": {"include": []}, "rest": {"include": []}}


def test_what_is_refused_fails_the_plan_and_holds_up_nothing_else(forge: Forge) -> None:
    place = forge.place
    place.add("sound", "alpha")
    place.write("stale", definition("stale", "beta", description="'##[add-mask]x'"))
    place.commit()
    git(place.root, "push", "-q", "origin", "main")
    planned, stages = forge.plan()
    assert planned.code == 1
    assert [(item.name, item.properties, item.data) for item in commands(planned.log)] == [
        ("notice", "title=sound", "build version 1: new"),
        ("error", "title=stale", "refuse: no lock%0Ahint: run `envcat lock stale`"),
    ]
    assert [entry["environments"] for entry in stages["rest"]["include"]] == ["sound"]
    for stage in ("bases", "rest"):
        assert "!cancelled()" in PUBLISH["jobs"][stage]["if"]


def test_a_tag_pushed_by_hand_is_finished(forge: Forge) -> None:
    place = forge.place
    place.add("demo", "alpha")
    assert place.run("register", "demo").code == 0
    git(place.root, "push", "-q", "origin", "main", "demo@1")
    assert "demo:1" not in place.layout()
    done = forge.run(script(TAG, "Publish and verify"), TAG="demo@1")
    assert done.code == 0, done.log
    assert "demo:1" in place.layout()
    assert "1 version verified, no errors" in done.log


def test_a_tag_publishes_the_merge_whose_run_it_replaced(forge: Forge) -> None:
    """The forge keeps one waiting run of a group: a later one, and cancels the other."""
    place = forge.place
    place.add("demo", "alpha")
    place.add("merged", "beta")
    place.write("stale", definition("stale", "gamma"))
    place.commit()
    assert place.run("register", "demo").code == 0
    git(place.root, "push", "-q", "origin", "main", "demo@1")
    done = forge.run(script(TAG, "Publish and verify"), TAG="demo@1")
    assert {"demo:1", "merged:1"} <= set(place.layout())
    assert "1 version verified, no errors" in done.log
    assert (done.code, "1 refused" in done.log) == (1, True), done.log


def test_nothing_is_published_or_proposed_from_another_branch() -> None:
    for workflow, job in ((PUBLISH, "plan"), (REFRESH, "refresh")):
        assert "workflow_dispatch" in workflow["on"]
        assert workflow["jobs"][job]["if"] == "github.ref == 'refs/heads/main'"
    # A run that does nothing does not take the place of one that waits, either.
    group = PUBLISH["concurrency"]["group"]
    assert group == "publish${{ github.ref != 'refs/heads/main' && github.run_id || '' }}"
    assert TAG["concurrency"]["group"] == "publish"


def test_the_nightly_refresh_pushes_one_branch(forge: Forge) -> None:
    place = forge.place
    place.add("demo", "alpha<2")
    place.edit("demo", "alpha<2", "alpha")
    place.run("lock", "demo")
    place.commit()
    git(place.root, "push", "-q", "origin", "main")
    place.index.add("alpha", "3.0")
    done = forge.run(script(REFRESH, "Update"))
    assert done.code == 0, done.log
    assert commands(done.log) == []
    branches = git(place.origin, "branch", "--list", "--format=%(refname:short)").splitlines()  # type: ignore[arg-type]
    assert len(branches) == 2
    [branch] = set(branches) - {"main"}
    called = (forge.folder / "gh.log").read_text()
    assert called.startswith("gh auth setup-git\n")
    assert f"\ngh pr create --head={branch} " in called
