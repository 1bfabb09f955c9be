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


@pytest.mark.parametrize(
    "value", ["a" * 4096, "=" * 4096, "password=" * 400, "eyJ" * 1300, "https://" * 500 + "@"]
)
def test_long_values_take_no_time(value: str) -> None:
    began = time.monotonic()
    judge("policy: {secrets: {}}", {"demo": definition("PASSWORD", value)})
    assert time.monotonic() - began < 2
