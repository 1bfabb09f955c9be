"""The files of a catalog on GitLab, and the pipeline that publishes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from envcatalog.ci.files import CiFiles
from envcatalog.ci.templates import fill, template

JOBS = 200  # an instance may allow no more in a pipeline
SHARED = ".gitlab/envcat-jobs.yml"


def gitlab_files(version: str, *, registry: str = "") -> CiFiles:
    """For a catalog that installs this version of envcat.

    Args:
        registry: ``HOST/PREFIX``; empty for the project's own.
    """
    kept = {
        ".gitlab-ci.yml": template("gitlab/gitlab-ci.yml.in"),
        SHARED: fill(template("gitlab/jobs.yml.in"), {"registry": registry or "$CI_REGISTRY_IMAGE"}),
    }
    first = fill(template("requirements.txt"), {"version": version})
    return CiFiles(kept=kept, first={".gitlab/envcat-requirements.txt": first})


def child_pipeline(bases: Sequence[Sequence[str]], rest: Sequence[Sequence[str]]) -> str:
    """A pipeline's configuration (JSON is YAML): one job for each group, the bases in a stage of their own."""
    jobs: dict[str, object] = {}
    for stage, groups in (("bases", bases), ("rest", rest)):
        for group in groups:
            title = group[0] if len(group) == 1 else f"{group[0]} and {len(group) - 1} more"
            jobs[f"publish {title}"] = {
                "extends": [".envcat", ".registry"],
                "stage": stage,
                # A base that cannot be published holds up its own children, which `publish` refuses, and no others.
                **({"when": "always"} if stage == "rest" else {}),
                "script": ["envcat publish -- " + " ".join(group)],
            }
    if not jobs:  # a pipeline without a job is an error
        jobs["nothing to publish"] = {"stage": "rest", "script": ["true"]}
    pipeline = {
        "include": [{"local": SHARED}],
        "stages": ["bases", "rest"],
        "variables": {"GIT_DEPTH": "0"},
        **jobs,
    }
    return json.dumps(pipeline, indent=1) + "\n"
