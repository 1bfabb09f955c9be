"""Pull requests through the forge's own command line: what it is given, and what is said where there is none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from envcatalog.catalog.update.message import describe
from envcatalog.model.change import Change, LicenseChange
from envcatalog.model.errors import Refusal
from envcatalog.model.update import Relocked, Update
from envcatalog.report.update import update_markdown
from envcatalog.run.forge import PullRequest, open_pull_request

HOSTILE = "</code>@everyone `|` ![x](https://example.com/) \x1b[31m::error::"


def opened(
    tmp_path: Path,
    *,
    remote_url: str = "https://gitlab.example.com/a.git",
    body: str = "Body",
    is_new: bool = True,
) -> str:
    asked = PullRequest(branch="envcat/all", target="main", title="Update alpha $(id)", body=body)
    return open_pull_request(tmp_path, asked, remote_url=remote_url, is_new=is_new)


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for commands, alone on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def command(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_glab_for_gitlab_gets_list_arguments(tmp_path: Path, forge: Path) -> None:
    command(forge, "gh", "exit 9")
    command(
        forge,
        "glab",
        f'for word in "$@"; do echo "$word"; done > {tmp_path}/said; echo https://e.example.com/7',
    )
    assert opened(tmp_path, body=HOSTILE) == "https://e.example.com/7"
    assert (tmp_path / "said").read_text().split("\n")[:5] == [
        "mr",
        "create",
        "--source-branch=envcat/all",
        "--title=Update alpha $(id)",
        f"--description={HOSTILE}",
    ]


OPEN = """echo "$2 $*" >> calls
case "$2" in create) echo 'a pull request already exists: https://e.example.com/3' >&2; exit 1;; esac
"""


@pytest.mark.parametrize("tool", ["gh", "glab"])
def test_one_that_is_open_already_gets_the_new_text(tmp_path: Path, forge: Path, tool: str) -> None:
    command(forge, tool, OPEN)
    assert opened(tmp_path, is_new=False) == "https://e.example.com/3"
    assert [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()] == ["list", "create"]
    assert opened(tmp_path) == "https://e.example.com/3"
    edited = (tmp_path / "calls").read_text().splitlines()[-1]
    assert edited.split()[0] == {"gh": "edit", "glab": "update"}[tool]
    assert "--title=Update alpha $(id)" in edited
    assert edited.endswith("-- envcat/all")
    command(forge, tool, OPEN + "echo 'needs a scope' >&2; exit 1")
    assert opened(tmp_path) == f"https://e.example.com/3, whose text `{tool}` did not rewrite (needs a scope)"


def listed(tool: str, state: str, title: str, body: str) -> str:
    address, text = ("url", "body") if tool == "gh" else ("web_url", "description")
    return json.dumps([{address: "https://e.example.com/3", "state": state, "title": title, text: body}])


@pytest.mark.parametrize("tool", ["gh", "glab"])
def test_one_that_somebody_closed_stays_closed_until_there_is_something_newer(
    tmp_path: Path, forge: Path, tool: str
) -> None:
    def answer(text: str) -> str:
        (tmp_path / "listed").write_text(text + "\n")
        return opened(tmp_path, body="Line\n\nBody\n")

    command(
        forge,
        tool,
        'case "$2" in list) read -r x < listed; printf "%s\\n" "$x";; *) echo https://e.example.com/4;; esac',
    )
    title, state = "Update alpha $(id)", "CLOSED" if tool == "gh" else "closed"
    closed = "https://e.example.com/3 was closed, and there is nothing newer to propose"
    assert answer(listed(tool, state, title, "Line\r\n\r\nBody")) == closed
    for other in (
        listed(tool, state, title, "Line\n\nOther"),
        listed(tool, state, "Update beta", "Line\n\nBody\n"),
        listed(tool, "MERGED", title, "Line\n\nBody\n"),
        *("[]", "", "no JSON", '{"a": 1}', "[1]"),
    ):
        assert answer(other) == "https://e.example.com/4"


def test_a_refusal_and_no_command_say_what_to_do(tmp_path: Path, forge: Path) -> None:
    assert opened(tmp_path) == "open it in the forge for the branch `envcat/all`, or install `gh` or `glab`"
    command(forge, "gh", "echo 'not logged in' >&2; exit 4")
    with pytest.raises(Refusal) as refused:
        opened(tmp_path)
    assert (refused.value.message, refused.value.hint) == (
        "`gh` did not open the pull request (not logged in)",
        "open it in the forge for the branch `envcat/all`",
    )


def test_the_body_is_inert_and_short_enough() -> None:
    license_ = LicenseChange(before="MIT", after=HOSTILE)
    change = Change(path=HOSTILE, kind="upgraded", before=HOSTILE, after=HOSTILE, license=license_)
    relocked = tuple(Relocked(environment=f"e{number}", changes=(change,)) for number in range(2000))
    body = update_markdown(Update(branch="b", relocked=relocked, message="m", advisories=(HOSTILE,) * 100))
    assert len(body) <= 65_000
    assert "\x1b" not in body
    for line in body.splitlines():
        outside = "".join(line.split("`")[::2])
        assert not set(outside) & set("@<![]:") or outside.startswith("Advisories:"), line
    assert os.linesep.join(body.splitlines()[-1:]).endswith("more environments are not shown.")


def test_a_commit_message_names_a_licence_only_where_it_can_be_nothing_else() -> None:
    def described(license_: str) -> str:
        change = LicenseChange(before="MIT", after=license_)
        return describe(Change(path="apt.x", kind="upgraded", before="1", after="2", license=change))

    assert (
        described("(GPL-2.0+ OR ISC), BSD") == "upgraded apt.x 1 -> 2, licence MIT -> (GPL-2.0+ OR ISC), BSD"
    )
    for text in ("fixes #1", "@acme/all", "acme/x#1", "`x`", "https://example.com", "x" * 300):
        assert described(text) == "upgraded apt.x 1 -> 2, with another licence"
