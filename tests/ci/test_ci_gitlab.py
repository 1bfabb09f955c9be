"""The pipelines of GitLab, run by a runner of its language: jobs, rules, artefacts and the child pipeline."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
from forge_runner import link_envcat
from node_tools import installed

from envcatalog.ci.gitlab import SHARED, gitlab_files
from support.catalogs import Workplace, git
from support.servers import missing

RUNNER = "gitlab-ci-local@4.65.0"
PROJECT = "gitlab.example.com/acme/catalog"
CANARY = "canary-40d1c7"
OPTIONS = """#!/bin/sh
[ "${GIT_PUSH_OPTION_COUNT:-0}" = 1 ] && while read -r _ _ ref; do echo "$ref $GIT_PUSH_OPTION_0" >> options; done
exit 0
"""
pytestmark = [pytest.mark.network, pytest.mark.slow]


@dataclass(frozen=True)
class Pipeline:
    """A project on the forge: `place.root` is what a runner has checked out."""

    place: Workplace
    program: Path
    variables: dict[str, str]

    def run(self, source: str, *jobs: str, **variables: str) -> tuple[int, str]:
        """What became of a pipeline, and all that it said."""
        root = self.place.root
        given = {"CI_PIPELINE_SOURCE": source, "ENVCAT_PUSH_TOKEN": CANARY} | self.variables | variables
        (root / ".gitlab-ci-local-variables.yml").write_text(json.dumps(given))
        isolated = ("--force-shell-executor", "--shell-isolation", "--no-color")
        done = subprocess.run(
            [str(self.program), *isolated, "--evaluate-rule-changes=false", *jobs],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            env={**os.environ, "GCL_IGNORE_PREDEFINED_VARS": ",".join(given)},
        )
        assert CANARY not in done.stdout
        return done.returncode, done.stdout

    def refs(self) -> set[str]:
        """Branches and tags of the project."""
        assert self.place.origin is not None
        return set(git(self.place.origin, "for-each-ref", "--format=%(refname)").splitlines())

    def options(self) -> set[str]:
        """``REF OPTION`` of each push that had one."""
        assert self.place.origin is not None
        path = self.place.origin / "options"
        return set(path.read_text().splitlines()) if path.exists() else set()


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program; it copies files by rsync."""
    if shutil.which("rsync") is None:
        missing("rsync, which is not installed")
    return installed(tmp_path_factory.mktemp("runner"), RUNNER) / "gitlab-ci-local"


@pytest.fixture
def pipeline(
    with_origin: Workplace, runner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Pipeline:
    """A catalog as `init --ci gitlab` leaves it; only `envcat` is there already, and not installed by each job."""
    place = with_origin
    assert place.origin is not None
    for name, text in gitlab_files("1.2.3").kept.items():
        (place.root / name).parent.mkdir(exist_ok=True)
        (place.root / name).write_text(text)
    shared = place.root / SHARED
    lines = shared.read_text().splitlines(keepends=True)
    kept = [line for line in lines if "/opt/envcat" not in line and not line.startswith("  image:")]
    assert len(lines) - len(kept) == 4, "the image, and the three lines that install"
    shared.write_text("".join(kept).replace("  before_script:\n", "  before_script:\n    - 'true'\n", 1))
    place.add("base", "alpha<2")
    place.add("child", "beta", base="{environment: base}")
    git(place.root, "push", "-q", "origin", "main")
    git(place.root, "remote", "set-url", "origin", f"git@{PROJECT.replace('/', ':', 1)}.git")
    git(place.root, "config", "--global", f"url.{place.origin}.insteadOf", f"https://{PROJECT}.git")
    git(place.origin, "config", "receive.advertisePushOptions", "true")
    hook = place.origin / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(OPTIONS)
    hook.chmod(0o755)
    link_envcat(tmp_path / "tools")
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}{os.pathsep}{os.environ['PATH']}")
    return Pipeline(place, runner, {"ENVCAT_REGISTRY": place.images})


def test_a_merge_request_has_its_report_also_where_something_is_refused(pipeline: Pipeline) -> None:
    place = pipeline.place
    head = git(place.root, "rev-parse", "HEAD")
    place.edit("child", "beta", "gamma")
    place.commit("Forget the lock")
    code, log = pipeline.run("merge_request_event", CI_MERGE_REQUEST_DIFF_BASE_SHA=head)
    assert code == 1
    assert re.search(r"^plan +> refuse +child .* lock is stale", log, re.MULTILINE), log
    report = (place.root / ".gitlab-ci-local/artifacts/plan/report.md").read_text()
    assert "| refuse | `child` |" in report
    assert "### Changes" in report
    assert pipeline.refs() == {"refs/heads/main"}


@pytest.mark.registry
def test_a_merge_is_published_by_a_child_pipeline(pipeline: Pipeline, docker_registry: str) -> None:
    pipeline.variables["ENVCAT_REGISTRY"] = f"{docker_registry}/gitlab"
    code, log = pipeline.run("push")
    assert code == 0, log
    assert pipeline.refs() == {"refs/heads/main", "refs/tags/base@1", "refs/tags/child@1"}
    with urlopen(f"http://{docker_registry}/v2/gitlab/child/tags/list") as answer:
        assert {"1", "latest"} <= set(json.load(answer)["tags"])
    assert pipeline.options() == {"refs/tags/base@1 ci.skip", "refs/tags/child@1 ci.skip"}
    git(pipeline.place.root, "fetch", "-q", "--tags", str(pipeline.place.origin))
    code, log = pipeline.run("push")
    assert (code, "nothing to publish" in log) == (0, True), log


def test_a_tag_pushed_by_hand_is_finished(pipeline: Pipeline) -> None:
    place = pipeline.place
    git(place.root, "remote", "set-url", "origin", str(place.origin))
    assert place.run("register", "base").code == 0
    git(place.root, "push", "-q", "origin", "base@1")
    git(place.root, "remote", "set-url", "origin", f"git@{PROJECT.replace('/', ':', 1)}.git")
    code, log = pipeline.run("push", "tag", CI_COMMIT_TAG="base@1", CI_COMMIT_BRANCH="")
    assert (code, "1 version verified, no errors, no warnings" in log) == (0, True), log
    assert "base:1" in place.layout()
    assert "refs/tags/images/base@1 ci.skip" in pipeline.options()


def test_the_refresh_proposes_one_commit_and_keeps_what_people_added(pipeline: Pipeline) -> None:
    place = pipeline.place
    assert place.origin is not None
    place.edit("base", "alpha<2", "alpha")
    place.run("lock")
    place.commit("Take any alpha")
    git(place.root, "push", "-q", str(place.origin), "main")
    place.index.add("alpha", "3.0")
    code, log = pipeline.run("schedule")
    assert code == 0, log
    assert pipeline.options() == {"refs/heads/envcat/all merge_request.create"}
    assert git(place.origin, "rev-list", "--count", "main..envcat/all") == "1"
    message = git(place.origin, "log", "-1", "--format=%B", "envcat/all")
    assert "- upgraded python.packages.alpha 1.0 -> 3.0" in message
    other = place.root.with_name("other")
    git(place.root, "clone", "-q", "--branch", "envcat/all", str(place.origin), str(other))
    git(other, "commit", "-q", "--allow-empty", "-m", "Look at this first")
    git(other, "push", "-q", "origin", "envcat/all")
    tip = git(other, "rev-parse", "HEAD")
    place.index.add("alpha", "4.0")
    code, log = pipeline.run("schedule")
    assert (code, "holds commits that are not of `envcat update`" in log) == (1, True), log
    assert git(place.origin, "rev-parse", "envcat/all") == tip
