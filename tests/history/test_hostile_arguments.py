"""What a stranger may send as an argument to each reading command: refused, nothing written, nothing run."""

from __future__ import annotations

from pathlib import Path

import pytest

from history.light import Light
from support.catalogs import git

HOSTILE = [
    "--output=x",
    "--upload-pack=touch x",
    "$(touch x)",
    "`touch x`",
    "; touch x",
    '"><script>',
    "v1..v2",
    "main...main",
    ":path",
    ":/Add",
    "HEAD^{/a}",
    "@{-1}",
    "main@{1}",
    "main^{tree}",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a\nb",
    "a\x1b[31m",
    "\udcff\udcfe",
    "é",
    "x" * 300,
    "Demo",
    "-",
    "--",
    "",
    " demo",
    "demo.lock",
    "refs/heads/main",
    "%s%n",
    "{worktree}",
]
COMMANDS = {
    "show": ("{}",),
    "log": ("{}",),
    "blame": ("{}",),
    "diff": ("{}", "demo@1"),
    "checkout": ("{}", "out"),
    "plan": ("{}",),
    "validate": ("{}",),
    "build": ("{}",),
    "lock": ("--check", "{}"),
}


@pytest.fixture
def demo(light: Light) -> Light:
    light.put("demo", {"alpha": "1.0"})
    light.commit("Add demo")
    light.version("demo")
    return light


def state(light: Light) -> tuple[dict[str, bytes], list[str]]:
    around = light.root.parent
    files = {
        str(path.relative_to(around)): path.read_bytes()
        for path in around.rglob("*")
        if path.is_file() and "cache" not in path.parts and path.name != "index"
    }
    return files, git(light.root, "for-each-ref").splitlines()


def refused(light: Light, *arguments: str) -> None:
    done = light.run(*arguments)
    assert done.code in (1, 2), (arguments, done)
    assert done.out == "", (arguments, done.out)
    assert "bug in envcat" not in done.err and "Traceback" not in done.err, (arguments, done.err)
    assert "\x1b" not in done.err and len(done.err) < 1500
    assert "Usage:" in done.err or done.err.startswith("error: "), (arguments, done.err)


@pytest.mark.parametrize("command", COMMANDS)
def test_as_a_name_and_as_a_reference(demo: Light, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(demo)
    for text in HOSTILE:
        for spelled in [text] if text.startswith("-") or not text else [text, f"demo@{text}"]:
            if spelled in ("demo@{worktree}", "demo@refs/heads/main") or (command == "plan" and not text):
                continue
            arguments = [part.format(spelled) for part in COMMANDS[command]]
            if text == "--":
                continue  # no argument at all
            end = ["--"] if text.startswith("-") and "--check" not in arguments else []
            refused(demo, command, *end, *arguments)
    assert state(demo) == before
    assert not Path("x").exists()


def test_as_an_option_of_ours(demo: Light) -> None:
    before = state(demo)
    for text in HOSTILE:
        if text == "refs/heads/main":
            continue
        refused(demo, "plan", f"--since={text}")
        done = demo.run("search", "--", text)
        assert done.code in (1, 2) and "bug in envcat" not in done.err, (text, done)
    assert state(demo) == before


def test_hostile_tags_are_never_followed(demo: Light) -> None:
    head = git(demo.root, "rev-parse", "HEAD")
    for name in ("demo@02", "demo@+3", "Demo@2", "demo@9999999999", "-output@3", "demo@$(id)"):
        with (demo.root / ".git" / "packed-refs").open("a") as refs:
            refs.write(f"{head} refs/tags/{name}\n")
    git(demo.root, "tag", "demo@2")  # lightweight
    warnings = "".join(
        f"warning: the tag `demo@{number}` {reason}, so it is passed over\n"
        for number, reason in (
            ("+3", "is not a valid name and number"),
            ("02", "is not a valid name and number"),
            ("2", "is a lightweight tag of a commit"),
            ("9999999999", "is not a valid name and number"),
        )
    )
    logged = demo.run("log", "demo", "--format", "json")
    assert [row["version"] for row in logged.json["versions"]] == [1]
    assert logged.err == warnings
    listed = demo.run("list", "--format", "json")
    assert [row["version"] for row in listed.json["environments"]] == [1]
    assert listed.err == warnings
    assert demo.said("show", "demo@2") == f"{warnings}error: `demo` has no version 2\nhint: it has 1\n"
