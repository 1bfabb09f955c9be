"""Secrets in variables: found offline, shown nowhere."""

from __future__ import annotations

import socket
import time

import pytest
from policy_support import Files, judge

from envcatalog.catalog.content import Content
from envcatalog.catalog.validating import validate
from envcatalog.report.github import problems_github
from envcatalog.report.problems import problems_text
from envcatalog.report.sarif import problems_sarif

SECRETS = {
    "AWS": ("KEY", "AKIAIOSFODNN7EXAMPLE", "AWS Access Key"),
    "GitHub": ("TOKEN", "ghp_" + "a1B2" * 9, "GitHub Token"),
    "password": ("DB_PASSWORD", "hunter2hunter2", "Secret Keyword"),
    "address": ("URL", "https://ada:pass1234@example.com/x", "Basic Auth Credentials"),
    "key": ("PEM", "-----BEGIN RSA PRIVATE KEY-----", "Private Key"),
}
HARMLESS = {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "DB_PASSWORD": "$DB_PASSWORD",
    "PASSWORD_FILE": "/run/secrets/password",
    "HOME": "/home/app",
    "DIGEST": "9acb47f6afd73f60dc1df93bb801b472f05ff42fa6c84167d25cb206be1fbf4a",
    "URL": "https://example.com/simple?x=1",
    "EMPTY": "",
}


def definition(name: str, value: str) -> str:
    """An environment with one variable."""
    return f"name: demo\nbase: {{debian: bookworm}}\nvariables:\n  {name}: '{value}'\n"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a secret was about to be sent somewhere")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_is_found_and_never_shown(case: str) -> None:
    name, value, kind = SECRETS[case]
    text = definition(name, value)
    place = f"demo/environment.yaml:4:{5 + len(name)}+{len(value) + 2}"
    assert judge("policy: {secrets: {reason: images are public}}", {"demo": text}) == (
        f"{place} error policy-secrets: the variable `{name}` looks like a secret ({kind}): images are public\n"
        "  hint: it is in Git and would be in every image: revoke it, and pass a new one when the image is run\n"
    )
    files = {"catalog/demo/environment.yaml": text.encode(), "catalog/catalog.yaml": b"policy: {secrets: {}}"}
    found = validate(Content(Files(files)))
    shown = problems_text(found.problems, colour=False)
    assert f"4 |   {name}: {'*' * (len(value) + 2)}\n" in shown
    for rendered in (shown, problems_github(found.problems), problems_sarif(found.problems, version="0")):
        assert value not in rendered
    assert judge("policy: {pinned: {}}", {"demo": text}) == ""


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_secret(name: str) -> None:
    assert judge("policy: {secrets: {}}", {"demo": definition(name, HARMLESS[name])}) == ""


def test_two_secrets_on_a_line_are_both_struck_out() -> None:
    text = "name: demo\nbase: {debian: bookworm}\nvariables: {A: AKIAIOSFODNN7EXAMPLE, B: AKIAIOSFODNN7EXAMPLF}\n"
    files = {"catalog/demo/environment.yaml": text.encode(), "catalog/catalog.yaml": b"policy: {secrets: {}}"}
    found = validate(Content(Files(files))).problems
    assert [(item.code, item.column) for item in found] == [("policy-secrets", 16), ("policy-secrets", 41)]
    assert "AKIA" not in problems_text(found, colour=False)


DOCKERFILE = b"""FROM scratch
ARG PLAIN=x KEY="AKIAIOSFODNN7EXAMPLE" BARE
ENV API_TOKEN ghp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2
ENV HOME=/app \\
    DB_PASSWORD='hunter2hunter2'
"""


def test_build_arguments_and_what_a_dockerfile_sets_are_judged_too() -> None:
    text = "name: demo\nmanaged: user\ndockerfile: {args: {KEY: AKIAIOSFODNN7EXAMPLE, MODEL: '2'}}\n"
    settings = "policy: {secrets: {}}"
    said = judge(settings, {"demo": text}, more={"catalog/demo/Dockerfile": DOCKERFILE}).splitlines()
    revoke = "  hint: it is in Git and would be in the image: revoke it, and give a new one to the build by `--secret`"
    there = "demo/environment.yaml:3:1+10 error policy-secrets: the variable"
    assert said == [
        f"{there} `API_TOKEN` on line 3 of the Dockerfile looks like a secret (GitHub Token)",
        revoke,
        f"{there} `DB_PASSWORD` on line 4 of the Dockerfile looks like a secret (Secret Keyword)",
        revoke,
        f"{there} `KEY` on line 2 of the Dockerfile looks like a secret (AWS Access Key)",
        revoke,
        "demo/environment.yaml:3:26+20 error policy-secrets: the build argument `KEY` looks like a secret "
        "(AWS Access Key)",
        revoke,
    ]


def test_another_problem_on_the_line_of_a_secret_does_not_show_it() -> None:
    text = "name: demo\nbase: {debian: bookworm}\nowners: ['@x/y']\nvariables: {A: AKIAIOSFODNN7EXAMPLE}\n"
    flow = "{name: demo, base: {debian: bookworm}, owners: ['@x/y'], variables: {A: AKIAIOSFODNN7EXAMPLE}}\n"
    settings = b"policy: {secrets: {}, owners: {minimum: 1, allowed: ['@acme/*']}}"
    for written in (text, flow):
        files = {"catalog/demo/environment.yaml": written.encode(), "catalog/catalog.yaml": settings}
        found = validate(Content(Files(files))).problems
        assert [item.code for item in found] == ["policy-owners", "policy-secrets"]
        assert "AKIA" not in problems_text(found, colour=False)


@pytest.mark.parametrize(
    "value", ["a" * 4096, "=" * 4096, "password=" * 400, "eyJ" * 1300, "https://" * 500 + "@"]
)
def test_long_values_take_no_time(value: str) -> None:
    began = time.monotonic()
    judge("policy: {secrets: {}}", {"demo": definition("PASSWORD", value)})
    assert time.monotonic() - began < 2
