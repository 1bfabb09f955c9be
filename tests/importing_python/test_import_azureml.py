"""Environments of Azure ML: the YAML of the second generation, the folder of the first."""

from __future__ import annotations

import json
from typing import Any

import pytest

from envcatalog.model.environment import DockerfileBase, ImageBase, Inference
from envcatalog.model.errors import ProblemsFound, Refusal
from support.python_imports import imported, lines

SCHEMA = "$schema: https://schemas.example.com/azureml/latest/environment.schema.json\n"
VERSION = "versions are tags of Git here, and begin with 1"
NO_KEY = "an environment here has no such key"


def test_an_image_with_a_conda_file() -> None:
    text = f"""{SCHEMA}name: train
version: 12
description: Trains trees
image: registry.example.com/azureml/base:20240101
conda_file: conda/env.yml
os_type: linux
tags:
  framework: sklearn
  "Cost centre": 42
  "bad/": x
stage: dev
owner: ada
"""
    files: dict[str, str | bytes] = {
        "conda/env.yml": "channels: [conda-forge]\ndependencies:\n- python=3.10\n- numpy=1.26\n"
        "- pip:\n  - six==1.16\n  - -r more.txt\n",
        "conda/more.txt": "idna\n-e .\n",
    }
    draft = imported("azure.yml", text, files)
    made = draft.environment
    assert made.base == ImageBase(image="registry.example.com/azureml/base:20240101")
    assert made.conda is not None
    assert made.python is not None
    assert (made.managed, made.description) == ("system", "Trains trees")
    assert (made.conda.packages, made.python.version) == (("numpy=1.26",), "3.10")
    assert made.python.packages == ("six==1.16", "idna")
    assert made.tags == (("Cost-centre", "42"), ("framework", "sklearn"))
    assert lines(draft) == [
        f"azure.yml:3: version: 12 | {VERSION}",
        "azure.yml:10: Cost centre: 42 | carried over as `Cost-centre`",
        "azure.yml:11:! bad/: x | a definition has no such tag",
        f"azure.yml:12: stage: dev | {NO_KEY}",
        f"azure.yml:13:! owner: ada | {NO_KEY}",
        "conda/more.txt:2:! -e . | it is a project of its own; a definition names packages of an index",
    ]


def test_an_image_alone_is_taken_as_it_is() -> None:
    text = f"{SCHEMA}image: ubuntu\ninference_config:\n  liveness_route: {{port: 5001, path: /live}}\n"
    text += "  readiness_route: {port: 5001, path: /ready}\n  scoring_route: {port: 8080, path: /score}\n"
    draft = imported("azure.yml", text)
    made = draft.environment
    assert (made.base, made.managed) == (ImageBase(image="docker.io/library/ubuntu:latest"), "user")
    assert made.inference == Inference(port=8080, liveness="/live", readiness="/ready", scoring="/score")
    whole = "docker.io/library/ubuntu:latest"
    assert lines(draft) == [
        f"azure.yml:2: ubuntu | Docker takes it for `{whole}`, and so it is carried over",
        "azure.yml:4:! inference_config | its routes have several ports; 8080 was carried over",
    ]
    assert imported("azure.yml", text, managed="system").environment.managed == "system"


def test_a_build_context() -> None:
    text = f"{SCHEMA}build:\n  path: ctx/\n  dockerfile_path: docker/Dockerfile\n"
    files: dict[str, str | bytes] = {
        "ctx/docker/Dockerfile": "FROM registry.example.com/a:1\nCOPY requirements.txt /\n",
        "ctx/requirements.txt": "six\n",
        "ctx/other.txt": "",
    }
    draft = imported("azure.yml", text, files)
    made = draft.environment
    assert (made.base, made.managed) == (DockerfileBase(), "user")
    assert made.dockerfile is not None
    assert (made.dockerfile.path, made.dockerfile.context) == ("docker/Dockerfile", ".")
    assert draft.copies == {
        "requirements.txt": "ctx/requirements.txt",
        "docker/Dockerfile": "ctx/docker/Dockerfile",
    }
    assert lines(draft) == [
        "ctx/docker/Dockerfile:0: docker/Dockerfile, requirements.txt | copied beside the definition"
    ]


def test_the_environment_within_a_job() -> None:
    text = "$schema: https://s.example.com/azureml/commandJob.schema.json\ncommand: python x.py\n"
    inner = "environment:\n  image: h.example/x:1\n  conda_file: {dependencies: [python=3.11, numpy]}\n"
    made = imported("job.yml", text + inner, kind="azureml").environment
    assert made.conda is not None
    assert (made.base, made.conda.packages) == (ImageBase(image="h.example/x:1"), ("numpy",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image: h.example/x:1\nos_type: windows\n", "2: its system is `windows`, and images are for Linux"),
        ("image: ${{inputs.image}}\n", "1: `image` is part of a template: `${{inputs.image}}`"),
        ("build: {path: '{{context}}'}\n", "1: `build.path` is part of a template: `{{context}}`"),
        ("image: a b\n", "1: `image` `a b` is not an image reference"),
        ("image: h.example/Up:1\n", "1: `image` `h.example/Up:1` is not an image reference"),
        ("name: x\n", "1: it has none of `image`, `build` and `conda_file`"),
        ("- a\n", "1: it is a list, and an Azure ML environment is a mapping"),
        (
            "$schema: https://s.example.com/azureml/commandComponent.schema.json\n",
            "1: it is a `commandComponent` of Azure ML, and defines no environment",
        ),
        (
            "image: h.example/x:1\nconda_file: no.yml\n",
            "2: there is no `no.yml` beside it, which `conda_file` names",
        ),
        ("image: h.example/x:1\nconda_file: ../c.yml\n", "2: `conda_file` is outside the folder of the file"),
        (
            "image: h.example/x:1\nconda_file: [a]\n",
            "2: `conda_file` is a list, and must be a path or a mapping",
        ),
        ("build: {path: ctx}\n", "1: there is no `ctx/Dockerfile` beside it, which `build` names"),
        (
            "build:\n  path: https://git.example.com/a.git\n",
            "2: `build.path` is an address, and nothing is fetched",
        ),
        ("build: {dockerfile_path: x}\n", "1: `build` names no `path`"),
        ("image: &a h.example/x:1\nname: *a\n", "2: `*a` is an alias"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        imported("azure.yml", text, kind="azureml")
    assert caught.value.message == f"azure.yml:{message}"


def test_a_dockerfile_with_problems_has_its_own_places() -> None:
    files: dict[str, str | bytes] = {"ctx/Dockerfile": "FROM a:1\nCOPY missing /\n"}
    with pytest.raises(ProblemsFound) as caught:
        imported("azure.yml", "build: {path: ctx}\n", files, kind="azureml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.message) == (
        "ctx/Dockerfile",
        2,
        "there is no `missing` in the context",
    )


FIRST: dict[str, Any] = {
    "name": "project",
    "version": "3",
    "environmentVariables": {"MODE": "train", "PATH": "/x"},
    "python": {
        "userManagedDependencies": False,
        "interpreterPath": "python",
        "condaDependenciesFile": None,
        "baseCondaEnvironment": None,
        "condaDependencies": {
            "channels": ["conda-forge"],
            "dependencies": ["python=3.9.18", {"pip": ["six~=1.16"]}, "numpy"],
            "name": "project_environment",
        },
    },
    "docker": {
        "enabled": True,
        "baseImage": "azureml/base:2024",
        "baseDockerfile": None,
        "sharedVolumes": True,
        "shmSize": "2g",
        "arguments": [],
        "baseImageRegistry": {"address": "registry.example.com", "username": "ada", "password": "secret"},
        "platform": {"os": "Linux", "architecture": "amd64"},
    },
    "spark": {"repositories": [], "packages": [{"group": "g", "artifact": "a"}], "precachePackages": True},
    "r": {"cranPackages": [{"name": "dplyr", "version": "1.0"}]},
    "databricks": {"mavenLibraries": []},
    "inferencingStackVersion": None,
}
NAME = "azureml_environment.json"


def first(changes: dict[str, Any]) -> str:
    """The folder's file with some sections replaced, key by key."""
    value = json.loads(json.dumps(FIRST))
    for section, keys in changes.items():
        value[section] = {**value[section], **keys} if isinstance(keys, dict) else keys
    return json.dumps(value, indent=1)


def test_the_first_generation() -> None:
    draft = imported(NAME, first({}))
    made = draft.environment
    assert made.base == ImageBase(image="registry.example.com/azureml/base:2024")
    assert made.conda is not None
    assert made.python is not None
    assert (made.python.version, made.python.packages) == ("3.9", ("six~=1.16",))
    assert made.conda.packages == ("python=3.9.18", "numpy")
    assert (made.variables, made.container.shm_size) == ((("MODE", "train"),), "2g")
    spark = "write `spark` with a version, and the jars that it needs, in the definition"
    r = "write `r` with its packages in the definition, on a Debian base"
    login = "credentials come from `docker login`"
    assert [line.partition(":")[2].partition(":")[2] for line in lines(draft)] == [
        f" version: 3 | {VERSION}",
        "! PATH | a definition has no such variable",
        f"! baseImageRegistry.username | {login}",
        f"! baseImageRegistry.password | {login}",
        f"! spark.packages: group=g, artifact=a | {spark}",
        f"! r.cranPackages: name=dplyr, version=1.0 | {r}",
    ]


def test_the_conda_file_of_the_folder() -> None:
    files: dict[str, str | bytes] = {
        "conda_dependencies.yml": "dependencies: [python=3.11, scipy]\n",
        "named.yml": "dependencies: [python=3.11, pandas]\n",
    }
    made = imported(NAME, first({"python": {"condaDependencies": None}}), files).environment
    assert made.conda is not None
    assert made.conda.packages == ("scipy",)
    named = {"condaDependencies": None, "condaDependenciesFile": "named.yml"}
    made = imported(NAME, first({"python": named}), files).environment
    assert made.conda is not None
    assert made.conda.packages == ("pandas",)


def test_what_the_user_manages() -> None:
    draft = imported(NAME, first({"python": {"userManagedDependencies": True}}))
    assert (draft.environment.managed, draft.environment.conda) == ("user", None)
    said = "the environment says that it is not to be installed"
    assert f"{NAME}:13: condaDependencies | {said}" in lines(draft)


def test_a_dockerfile_within() -> None:
    text = "FROM registry.example.com/a:1\nRUN pip install six\n"
    draft = imported(NAME, first({"docker": {"baseDockerfile": text}}))
    assert draft.texts == {"Dockerfile": text}
    assert draft.copies == {}
    assert (draft.environment.managed, draft.environment.container.shm_size) == ("user", "2g")
    said = "the Dockerfile says what the image is"
    assert [line for line in lines(draft) if said in line] == [
        f"{NAME}:13:! condaDependencies: a mapping | {said}",
        f"{NAME}:31:! baseImage: azureml/base:2024 | {said}",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"docker": {"platform": {"os": "Windows"}}},
            "42: its system is `Windows`, and images are for Linux",
        ),
        (
            {"docker": {"baseImage": "a b"}},
            "31: `baseImage` `registry.example.com/a b` is not an image reference",
        ),
        (
            {"python": {"condaDependencies": None, "condaDependenciesFile": "no.yml"}},
            "11: there is no `no.yml` beside it",
        ),
        (
            {"python": {"condaDependencies": None}, "docker": {"baseImage": None}},
            "8: it has no `baseImage` and no conda dependencies, so nothing says what the image is",
        ),
        (
            {"python": None, "docker": None},
            "1: it has neither `python` nor `docker`, so it is no environment of Azure ML",
        ),
    ],
)
def test_what_is_refused_of_the_first(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Refusal) as caught:
        imported(NAME, first(changes))
    assert caught.value.message == f"{NAME}:{message}"
