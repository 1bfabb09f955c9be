"""Dockerfiles with their contexts, and images."""

from __future__ import annotations

import json
from typing import Any

import pytest

from envcatalog.formats.incoming.docker.read_image import read_image
from envcatalog.model.draft import Wanted
from envcatalog.model.environment import (
    DebianBase,
    Dockerfile,
    DockerfileBase,
    EnvironmentBase,
    ImageBase,
    Python,
)
from envcatalog.model.errors import ProblemsFound, Refusal
from support.python_imports import imported, lines, shown

A = "FROM registry.example.com/a:1\n"
CONTEXT: dict[str, str | bytes] = {
    "requirements.txt": "six\n",
    "app/main.py": "print()\n",
    "app/data.log": "noise\n",
    "notes.md": "not for the image\n",
    ".git/config": "[core]\n",
}


def test_only_what_is_copied_comes_along() -> None:
    text = A + 'COPY requirements.txt /\nCOPY ["app", "/app"]\nRUN pip install -r /requirements.txt\n'
    draft = imported("Dockerfile", text, {**CONTEXT, ".dockerignore": "**/*.log\n"})
    made = draft.environment
    assert (made.managed, made.base, made.dockerfile) == ("user", DockerfileBase(), Dockerfile())
    names = (".dockerignore", "Dockerfile", "app/main.py", "requirements.txt")
    assert draft.copies == {name: name for name in names}
    assert lines(draft) == [f"Dockerfile:0: {', '.join(names)} | copied beside the definition"]


def test_everything_but_the_repository_itself() -> None:
    draft = imported("Dockerfile.gpu", A + "COPY . /src\n", CONTEXT)
    assert draft.environment.dockerfile == Dockerfile(path="Dockerfile.gpu")
    assert sorted(draft.copies) == [
        "Dockerfile.gpu",
        "app/data.log",
        "app/main.py",
        "notes.md",
        "requirements.txt",
    ]


def test_files_with_the_names_of_ours_go_into_a_folder() -> None:
    draft = imported(
        "Dockerfile", A + "COPY environment.yaml /\n", {"environment.yaml": "dependencies: []\n"}
    )
    assert draft.environment.dockerfile == Dockerfile(path="context/Dockerfile", context="context")
    assert draft.copies == {
        "context/environment.yaml": "environment.yaml",
        "context/Dockerfile": "Dockerfile",
    }


@pytest.mark.parametrize(
    ("step", "names"),
    [
        ("RUN --mount=type=bind,source=requirements.txt,target=/r pip install -r /r", {"requirements.txt"}),
        ("RUN --mount=type=cache,target=/var/cache/pip pip install six", set()),
        ("RUN --mount=type=bind,from=registry.example.com/b:1,target=/b true", set()),
        ("ONBUILD COPY requirements.txt /", {"requirements.txt"}),
        ("COPY app/*.py /", {"app/main.py"}),
        ("COPY --from=registry.example.com/b:1 /x /y", set()),
        ("ARG WHICH=app\nCOPY $WHICH /", {"app/data.log", "app/main.py", "notes.md", "requirements.txt"}),
        ("COPY <<EOF /x\nhello\nEOF", set()),
    ],
)
def test_what_a_step_may_see(step: str, names: set[str]) -> None:
    draft = imported("Dockerfile", f"{A}{step}\n", CONTEXT)
    assert set(draft.copies) - {"Dockerfile"} == names


def test_an_image_and_nothing_more() -> None:
    draft = imported("Dockerfile", "# mine\nARG TAG=3.12\nFROM python:${TAG}\nLABEL a=b\n")
    made = draft.environment
    assert (made.managed, made.base) == ("user", ImageBase(image="docker.io/library/python:3.12"))
    assert (made.dockerfile, draft.copies) == (None, {})
    assert lines(draft) == ["Dockerfile:4:! LABEL a=b | the labels of the image stay as they are"]
    draft = imported("Dockerfile", "FROM python\n", managed="system")
    assert draft.environment.managed == "system"
    assert lines(draft) == [
        "Dockerfile:1: python | it names no tag, so it is `latest`; the lock holds the digest that this is now"
    ]


def test_platforms_and_stages() -> None:
    text = "FROM --platform=linux/arm64 h.example/a:1 AS build\nRUN true\nFROM h.example/b:1\nRUN true\n"
    made = imported("Dockerfile", text, target="build").environment
    assert made.dockerfile == Dockerfile(target="build")
    assert made.platforms == ("linux/amd64",)
    assert imported("Dockerfile", text.partition("FROM h")[0]).environment.platforms == ("linux/arm64",)


def test_the_base_that_was_asked_for() -> None:
    text = "ARG BASE=registry.example.com/a:1\nFROM ${BASE}\nRUN true\n"
    base = EnvironmentBase(environment="parent")
    assert imported("Dockerfile", text, base=base).environment.base == base
    draft = imported("Dockerfile", A + "RUN true\n", base=ImageBase(image="h.example/b:1"))
    assert draft.environment.base == DockerfileBase()
    assert lines(draft)[0] == (
        "Dockerfile:0:! --image | the Dockerfile starts from what it names;"
        " write `ARG BASE` and `FROM ${BASE}` in it"
    )
    draft = imported("Dockerfile", A + "RUN true\n", base=DebianBase(suite="bookworm"))
    assert lines(draft)[0] == "Dockerfile:0:! --debian | a Dockerfile brings its own base"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("# nothing\n", [(1, "the Dockerfile has no instruction")]),
        (
            "RUN true\n",
            [
                (1, "`RUN` stands before the first `FROM`, where only `ARG` may stand"),
                (1, "the Dockerfile has no `FROM`"),
            ],
        ),
        (
            A + "COPY missing.txt /\nADD https://h.example/x /\n",
            [(2, "there is no `missing.txt` in the context"), (3, "`ADD` takes a file from the network")],
        ),
        ("ARG TAG\nFROM a:$TAG\n", [(2, "`$TAG` in `FROM` has no value")]),
        ("FROM {{image}}\n", [(1, "`{{image}}` is not an image reference")]),
        (A + "COPY ../x /\n", [(2, "`COPY` takes `../x` from outside of the context")]),
    ],
)
def test_what_cannot_be_built_is_refused(text: str, problems: list[tuple[int, str]]) -> None:
    with pytest.raises(ProblemsFound) as caught:
        imported("Dockerfile", text, CONTEXT)
    assert [(problem.line, problem.message) for problem in caught.value.problems] == problems


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (A.encode() + b"# \xff\n", "Dockerfile:2: it is not UTF-8"),
        (A.encode() + b"RUN \0\n", "Dockerfile:2: it has a zero byte"),
        (
            b"#" * (1 << 20) + b"\n",
            "Dockerfile: the file has 1048577 bytes, and a Dockerfile has at most 1048576",
        ),
    ],
)
def test_what_is_no_text(data: bytes, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        imported("Dockerfile", data)
    assert caught.value.message == message


def test_too_many_files() -> None:
    many: dict[str, str | bytes] = {f"data/{number}": "" for number in range(1000)}
    with pytest.raises(Refusal) as caught:
        imported("Dockerfile", A + "COPY . /\n", many)
    assert (
        caught.value.message
        == "Dockerfile: it copies 1001 files, and at most 1000 are copied beside a definition"
    )


IMAGE = "registry.example.com/library/python:3.12"


def config(**values: Any) -> bytes:
    return json.dumps({"config": values}).encode()


def test_an_image_says_what_stays() -> None:
    told = config(
        Env=["PYTHON_VERSION=3.12.4", "TOKEN=secret"],
        ExposedPorts={"8080/tcp": {}},
        User="app",
        WorkingDir="/srv",
        Entrypoint=["python"],
        Cmd=["-m", "app"],
    )
    draft = read_image(told, IMAGE, Wanted(name="made"), ("linux/amd64", "linux/arm64", "windows/amd64"))
    assert (draft.environment.managed, draft.environment.base) == ("user", ImageBase(image=IMAGE))
    assert (draft.environment.python, draft.environment.platforms) == (None, ("linux/amd64",))
    stays = "the image says so, and it stays so"
    assert [shown(note) for note in draft.notes] == [
        f"{IMAGE}:0: {what} | {stays}"
        for what in (
            "variable PYTHON_VERSION",
            "variable TOKEN",
            "port 8080/tcp",
            "user app",
            "workdir /srv",
            'entrypoint ["python"]',
            'command ["-m", "app"]',
        )
    ]
    made = read_image(told, IMAGE, Wanted(name="made", managed="system"), ("linux/arm64",)).environment
    assert (made.managed, made.python, made.platforms) == ("system", Python(version="3.12"), ("linux/arm64",))


def test_images_for_other_machines() -> None:
    with pytest.raises(Refusal) as caught:
        read_image(b"{}", IMAGE, Wanted(name="made"), ("windows/amd64", "linux/s390x"))
    assert caught.value.message == f"{IMAGE}: the image is for windows/amd64, linux/s390x"
    with pytest.raises(Refusal) as caught:
        read_image(b"{}", IMAGE, Wanted(name="made", platforms=("linux/arm64",)), ("linux/amd64",))
    assert caught.value.message == f"{IMAGE}: the image is not for `linux/arm64`"
