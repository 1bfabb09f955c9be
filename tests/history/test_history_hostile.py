"""Hostile arguments, tags and repository settings, through every command: nothing is written, nothing is run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from envcatalog.cli.main import COMMANDS
from history.light import Light
from support.catalogs import Ran, Workplace, git
from support.hostile_git import plant

HOSTILE = [
    "--output=x",
    "-x",
    "$(touch canary)",
    "`touch canary`",
    "; touch canary",
    '"><script>',
    "v1..v2",
    "v1...v2",
    ":path",
    ":/Add",
    "HEAD^{/a}",
    "HEAD:catalog",
    "HEAD@{1}",
    "..",
    "../demo",
    "demo/../demo",
    "/etc/passwd",
    "demo\n",
    "demo\x1b[2J",
    "demo\u202e",
    "demo\u0430",
    "\udcff",
    "x" * 300,
    "\u00e9" * 150,
    "",
    " ",
    "DEMO",
    "Demo",
    "demo.lock",
    "@",
    "@1",
]
# Each command with `{}` for the hostile text; the rest of the line is in order.
LINES = {
    "validate": ["validate", "{}"],
    "lock": ["lock", "{}"],
    "plan": ["plan", "{}"],
    "build": ["build", "{}", "--registry", "oci:built"],
    "publish": ["publish", "{}", "--registry", "oci:published"],
    "register": ["register", "{}"],
    "show": ["show", "{}"],
    "log": ["log", "{}"],
    "search": ["search", "{}"],
    "checkout": ["checkout", "{}", "checked-out"],
    "blame": ["blame", "{}"],
    "diff": ["diff", "{}"],
    "promote": ["promote", "{}", "staging"],
    "deprecate": ["deprecate", "{}", "--reason", "old"],
    "archive": ["archive", "{}"],
    "restore": ["restore", "{}"],
    "verify": ["verify", "{}"],
    "export": ["export", "{}", "--to", "requirements"],
    "run": ["run", "{}", "--on", "local", "--", "true"],
}
OTHER_LINES = {
    "diff-after": ["diff", "demo", "{}"],
    "promote-alias": ["promote", "demo@1", "{}"],
    "rebuild": ["verify", "--rebuild", "{}"],
    "since": ["plan", "--since", "{}"],
    "search-alias": ["search", "alpha", "--alias", "{}"],
}
# They take no name of an environment, or (new, init) make what they are given, and have tests of their own.
WITHOUT = {"init", "new", "list", "hooks", "doctor", "demo", "update"}


@pytest.fixture
def place(workplace: Workplace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workplace:
    """A published catalog; logs of bugs go where they are seen."""
    workplace.add("demo", "alpha<2")
    workplace.published()
    logs = tmp_path / "logs"
    logs.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(logs))
    return workplace


def everything(place: Workplace) -> dict[str, bytes]:
    """All files of the catalog and beside it, but the cache and the index, whose times Git renews."""
    found = {}
    for path in sorted(place.root.parent.rglob("*")):
        if path.is_file() and path.name != "index" and place.cache not in path.parents:
            found[os.fsencode(path.relative_to(place.root.parent)).decode(errors="replace")] = (
                path.read_bytes()
            )
    return found


def no_bug(done: Ran, line: list[str]) -> None:
    assert "Traceback" not in done.err, (line, done.err)
    assert "this is a bug" not in done.err, (line, done.err)
    for stream in (done.out, done.err):
        assert "\x1b" not in stream and "\u202e" not in stream, (line, stream)


def test_every_command_is_tested() -> None:
    assert set(LINES) | WITHOUT == set(COMMANDS)


@pytest.mark.parametrize("command", [*LINES, *OTHER_LINES])
def test_hostile_arguments(place: Workplace, command: str) -> None:
    line = {**LINES, **OTHER_LINES}[command]
    before = everything(place)
    tags, head = git(place.root, "for-each-ref"), git(place.root, "rev-parse", "HEAD")
    for text in HOSTILE:
        filled = [text if part == "{}" else part for part in line]
        for arguments in (filled, [filled[0], *(["--"] if line[1] == "{}" else []), *filled[1:]]):
            done = place.run(*arguments)
            no_bug(done, arguments)
            assert done.code in (1, 2), (arguments, done)
            if command.startswith("search"):
                continue  # a package of that name could be: there is none
            assert done.out == "", (arguments, done.out)
            assert done.err.startswith(("error: ", "Usage: ")) or "\nerror: " in done.err, (
                arguments,
                done.err,
            )
    assert everything(place) == before
    assert (git(place.root, "for-each-ref"), git(place.root, "rev-parse", "HEAD")) == (tags, head)


@pytest.mark.parametrize("suffix", [text for text in HOSTILE if text not in ("", "@1")])
def test_hostile_parts_of_references(place: Workplace, suffix: str) -> None:
    before = everything(place)
    reference = f"demo@{suffix}"
    for line in (
        ["show", reference],
        ["log", reference],
        ["diff", "demo", reference],
        ["diff", reference],
        ["checkout", reference, "checked-out"],
        ["blame", reference],
        ["promote", reference, "staging"],
        ["verify", reference],
    ):
        done = place.run(*line)
        no_bug(done, line)
        assert done.code in (1, 2), (line, done)
        assert done.out == "", (line, done.out)
    assert everything(place) == before


TAGS = [
    "--output=x@1",
    "$(touch canary)@1",
    "`touch canary`@2",
    '"><script>@1',
    "Demo@1",
    "DEMO@2",
    "demo@0",
    "demo@01",
    "demo@+1",
    "demo@1000000000",
    "demo.lock@1",
    "é@1",
    "\udcff@1",
    "x" * 200 + "@1",
    "demo@\u0661",
]


def test_hostile_tags_are_passed_over(place: Workplace, tmp_path: Path) -> None:
    made = git(place.root, "rev-parse", "demo@1")
    for tag in TAGS:
        # `git tag` refuses some of these names; an enemy writes the list of references itself.
        packed = place.root / ".git/packed-refs"
        line = f"{made} refs/tags/{tag}\n".encode(errors="surrogateescape")
        packed.write_bytes((packed.read_bytes() if packed.exists() else b"# pack-refs with: \n") + line)
    before = everything(place)
    reads = {
        "list": place.run("list", "--format", "json"),
        "log": place.run("log", "demo", "--format", "json"),
        "plan": place.run("plan", "--registry", place.images, "--format", "json"),
        "verify": place.run("verify", "--registry", place.images, "--format", "json"),
        "show": place.run("show", "demo@1"),
        "diff": place.run("diff", "demo@1", "demo"),
        "search": place.run("search", "alpha", "--all-versions"),
        "validate": place.run("validate"),
    }
    for name, done in reads.items():
        no_bug(done, [name])
        assert done.code == 0, (name, done.err)
    assert [row["version"] for row in reads["list"].json["environments"]] == [1]
    assert [row["version"] for row in reads["log"].json["versions"]] == [1]
    assert [row["action"] for row in reads["plan"].json["actions"]] == ["skip"]
    assert {item["code"] for item in reads["verify"].json["findings"]} == {"tag-misnamed"}
    assert reads["verify"].json["verified"] == 1
    assert (
        "warning: the tag `demo@01` is not a valid name and number, so it is passed over" in reads["plan"].err
    )
    assert everything(place) == before
    place.edit("demo", "alpha<2", "alpha>=2")
    place.lock()
    place.commit()
    assert place.published() == [("demo", 2, "published", "definition changed")]
    assert not list(tmp_path.rglob("canary"))


def test_repository_settings_run_nothing_in_a_reading_command(place: Workplace, tmp_path: Path) -> None:
    text = git(place.root, "cat-file", "tag", "demo@1")
    signature = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----"
    made = git(place.root, "hash-object", "-t", "tag", "-w", "--stdin", stdin=f"{text}\n{signature}\n")
    git(place.root, "update-ref", "refs/tags/demo@1", made)
    place.edit("demo", "description: For a test", "description: Edited")
    canary = tmp_path / "canary"
    plant(place.root, canary)
    git(place.root, "status")
    assert canary.exists(), "Git itself runs them, so this test can fail"
    canary.unlink()
    os.utime(place.root / "catalog/demo/lock.json", (1, 1))
    for line in (
        ["validate"],
        ["lock", "--check"],
        ["plan"],
        ["plan", "--registry", place.images],
        ["plan", "--since", "HEAD"],
        ["list"],
        ["show", "demo"],
        ["show", "demo@1"],
        ["log", "demo"],
        ["diff", "demo"],
        ["diff", "demo@1", "demo@HEAD"],
        ["search", "alpha", "--all-versions"],
        ["blame", "demo"],
        ["verify", "--offline", "--registry", place.images],
        ["doctor"],
    ):
        done = place.run(*line)
        no_bug(done, line)
        assert done.code in (0, 1), (line, done.err)
        assert not canary.exists(), line


def test_a_long_tag_does_not_push_findings_off_the_screen(light: Light) -> None:
    light.put("web", {"flask": "1"})
    light.commit()
    light.version("web")
    long = "web@" + "1" * 200
    git(light.root, "tag", long)
    done = light.run("verify", "--offline")
    assert done.out == (
        f"warning  refs/tags/{long[:67]}...  tag-misnamed  the tag looks like a version but is not a valid name and "
        "number\n1 version verified, no errors, 1 warning\n"
    )
    assert (
        light.run("verify", "--offline", "--format", "json").json["findings"][0]["reference"]
        == f"refs/tags/{long}"
    )
