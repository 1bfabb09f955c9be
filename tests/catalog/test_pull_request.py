"""A stranger's pull request: `validate`, `plan`, `diff`, `show` and `list` run nothing and fetch nothing of it."""

from __future__ import annotations

import glob
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.catalogs import SETTINGS, Ran, Workplace, definition, git

READING = (
    ("validate",),
    ("validate", "--format", "github"),
    ("plan",),
    ("plan", "--format", "markdown"),
    ("diff", "demo"),
    ("diff", "demo@1", "demo"),
    ("show", "demo"),
    ("list",),
    ("lock", "--check"),
)
ROUNDS = 120
PIECES = (
    b"{",
    b"[",
    b"&a ",
    b"*a",
    b"!!python/object:x ",
    b"\x00",
    b"\xff",
    b"\n",
    b"\t",
    b": ",
    b"- ",
    b"'",
    b'"',
)
VALUES = (b"1e999", b"-1", b"null", b"true", b"9" * 5000, "\u202e".encode())
HOOKS = (
    "post-checkout",
    "pre-commit",
    "post-index-change",
    "reference-transaction",
    "pre-auto-gc",
    "fsmonitor",
)


@pytest.fixture
def bugs(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where logs of bugs would appear."""
    folder = tmp_path_factory.mktemp("bugs")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def published(workplace: Workplace) -> Workplace:
    workplace.add("demo", "alpha<2", "beta")
    workplace.published()
    return workplace


def sound(done: Ran, bugs: Path) -> None:
    """An answer that a user can read, and no bug."""
    logs = [Path(name).read_text() for name in glob.glob(f"{bugs}/envcat-*.log")]
    assert not logs, logs[0]
    assert done.code in (0, 1, 2), done
    assert "Traceback" not in done.out + done.err
    if done.code == 2:
        assert done.err.startswith(("error: ", "Usage: ")), done.err
    assert "\x1b" not in done.out + done.err


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, removed, doubled or inserted."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(found) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            found[place : place + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del found[place : place + chance.randint(1, 20)]
        elif kind == 2:
            found[place:place] = found[place : place + chance.randint(1, 40)]
        elif kind == 3:
            found[place:place] = chance.choice(
                [
                    b"{",
                    b"[",
                    b"&a ",
                    b"*a",
                    b"!!python/object:x ",
                    b"\x00",
                    b"\xff",
                    b"\n",
                    b"\t",
                    b": ",
                    b"- ",
                    b"'",
                    b'"',
                ]
            )
        else:
            found[place : place + 1] = chance.choice(
                [b"1e999", b"-1", b"null", b"true", b"9" * 5000, "\u202e".encode()]
            )
    return bytes(found)


@pytest.mark.parametrize(
    "path", ["catalog/demo/environment.yaml", "catalog/demo/lock.json", "catalog/catalog.yaml"]
)
def test_damaged_files_are_told(published: Workplace, bugs: Path, path: str) -> None:
    file = published.root / path
    if path.endswith("catalog.yaml"):
        file.write_text(
            SETTINGS + "registry: oci:images\nbuild: {layers: 20}\n"
            "indexes:\n  internal: {url: 'https://packages.example.com/simple', packages: [acme-*]}\n"
        )
        assert published.run("validate").code == 0
    before = file.read_bytes()
    chance = random.Random(path)
    for number in range(ROUNDS):
        file.write_bytes(mutated(before, chance))
        command = READING[number % len(READING)]
        began = time.monotonic()
        sound(published.run(*command), bugs)
        assert time.monotonic() - began < 5, file.read_bytes()
    file.write_bytes(before)
    assert published.run("validate").code == 0


ODD = (
    None,
    True,
    -1,
    2**70,
    1.5,
    "",
    "x",
    "\x1b[2J",
    "a" * 100_000,
    "../../x",
    [],
    [[]],
    {},
    {"x": {}},
    ["x", "x"],
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value."""
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield from places(item, (*path, key))


def test_every_value_of_a_lock_replaced(published: Workplace, bugs: Path) -> None:
    file = published.root / "catalog/demo/lock.json"
    before = json.loads(file.read_bytes())
    number = 0
    for path in places(before):
        for odd in ODD:
            value = json.loads(json.dumps(before))
            inner = value
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = odd
            file.write_text(json.dumps(value))
            done = published.run(*READING[number % len(READING)])
            sound(done, bugs)
            number += 1


def test_damaged_files_of_a_commit_are_told(published: Workplace, bugs: Path) -> None:
    file = published.root / "catalog/demo/environment.yaml"
    before = file.read_bytes()
    chance = random.Random(7)
    for _ in range(10):
        file.write_bytes(mutated(before, chance))
        commit = published.commit()
        for command in (("show", f"demo@{commit}"), ("diff", "demo@1", f"demo@{commit}")):
            sound(published.run(*command), bugs)
        sound(published.publish(), bugs)
        sound(published.run("build"), bugs)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A socket that must never be connected to."""
    met: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, address = server.accept()
            except TimeoutError:
                continue
            met.append(str(address))
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"127.0.0.1:{server.getsockname()[1]}", met
    over.set()
    thread.join()
    server.close()


def test_nothing_is_fetched(published: Workplace, bugs: Path, listener: tuple[str, list[str]]) -> None:
    address, met = listener
    (published.root / "catalog/catalog.yaml").write_text(
        f"registry: {address}/ml\nindexes:\n  evil: {{url: 'http://{address}/simple', packages: [alpha]}}\n"
        f"debian:\n  mirrors:\n    evil: {{url: 'http://{address}/debian', suites: ['{{suite}}']}}\n"
    )
    published.edit("demo", "oci:bases:tiny", f"{address}/ml/base:latest")
    published.write("other", definition("other", "alpha", base="{debian: bookworm}"))
    git(published.root, "remote", "add", "origin", f"http://{address}/repository.git")
    assert published.run("validate").code == 0
    published.index.requests.clear()
    for command in (*READING, ("log", "demo"), ("show", "other"), ("plan", "--format", "sarif")):
        sound(published.run(*command), bugs)
    assert (met, published.index.requests) == ([], [])
    # the same catalog in earnest does go there
    assert published.run("lock", "demo").code == 2
    assert met != []


def test_nothing_is_run(published: Workplace, bugs: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $@" >> {canary}\n')
    program.chmod(0o755)
    hooks = published.root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in (
        "post-checkout",
        "pre-commit",
        "post-index-change",
        "reference-transaction",
        "pre-auto-gc",
        "fsmonitor",
    ):
        shutil.copy(program, hooks / name)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "core.alternateRefsCommand",
        "diff.external",
        "gpg.program",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.evil.command",
        "credential.helper",
        "uploadpack.packObjectsHook",
        "alias.rev-parse",
    ):
        value = f"!{program}" if key.startswith("alias") else str(program)
        git(
            published.root,
            "config",
            key,
            value,
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0="core.fsmonitor",
            GIT_CONFIG_VALUE_0="false",
        )
    git(published.root, "config", "log.showSignature", "true")
    canary.unlink(missing_ok=True)
    (published.root / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (published.root / "conftest.py").write_text(f"open({str(canary)!r}, 'w')\n")
    for module in ("yaml", "click", "sitecustomize", "envcatalog", "json"):
        (published.root / f"{module}.py").write_text(f"open({str(canary)!r}, 'w')\n")
    published.edit("demo", "beta", "gamma")
    for command in (*READING, ("log", "demo"), ("doctor",)):
        sound(published.run(*command), bugs)
    installed = Path(sys.executable).with_name("envcat")
    if installed.exists():  # started in the folder, as a user does
        subprocess.run([str(installed), "validate"], cwd=published.root, capture_output=True, check=False)
    assert not canary.exists(), canary.read_text()
    subprocess.run(["git", "-C", str(published.root), "status"], capture_output=True, check=False)
    assert canary.exists(), "the traps are armed"


@pytest.mark.parametrize("target", ["/etc/passwd", "/dev/zero", "../../secret", "/nonexistent"])
def test_links_are_not_followed(published: Workplace, bugs: Path, target: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("SECRET")
    for name in ("catalog/demo/lock.json", "catalog/demo/environment.yaml", "catalog/catalog.yaml"):
        path = published.root / name
        before = path.read_bytes()
        path.unlink()
        path.symlink_to(target)
        for command in READING:
            done = published.run(*command)
            sound(done, bugs)
            assert "root:" not in done.out + done.err
            assert "SECRET" not in done.out + done.err
        path.unlink()
        path.write_bytes(before)


def test_a_linked_folder_is_passed_over(published: Workplace, bugs: Path, tmp_path: Path) -> None:
    shutil.copytree(published.root / "catalog/demo", tmp_path / "outside")
    (published.root / "catalog/evil").symlink_to(tmp_path / "outside")
    done = published.run("list", "--format", "json")
    assert [row["name"] for row in done.json["environments"]] == ["demo"]
    sound(published.run("validate"), bugs)


def test_pipes_and_huge_files_do_not_hang(published: Workplace, bugs: Path) -> None:
    definition_file = published.root / "catalog/demo/environment.yaml"
    lock = published.root / "catalog/demo/lock.json"
    before = lock.read_bytes()
    lock.unlink()
    os.mkfifo(lock)
    for command in READING:
        sound(published.run(*command), bugs)
    lock.unlink()
    lock.write_bytes(before)
    with definition_file.open("wb") as file:
        file.truncate(8 << 30)
    for command in READING:
        began = time.monotonic()
        sound(published.run(*command), bugs)
        assert time.monotonic() - began < 1


def test_many_hostile_texts(published: Workplace, bugs: Path) -> None:
    path = published.root / "catalog/demo/environment.yaml"
    for text in (
        "",
        "\x00",
        "[]",
        "- - - -" * 1000,
        "{" * 5000,
        "name: demo\n" * 3,
        "name: &a [*a]\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "name: !!python/object/apply:os.system ['touch /tmp/x']\n",
        "name: demo\n---\nname: demo\n",
        "name: demo\ndescription: \x1b[2Jgone\n",
        "name: demo\ndescription: '::error file=x::injected'\n",
        "? {a: b}\n: c\n",
        "name: demo\nbase: {image: '--help'}\n",
        "name: demo\nbase: {environment: demo}\n",
        "name: demo\nbase: {debian: '../../etc'}\n",
        "name: demo\nbase: {debian: bookworm}\npython: {version: '3.11', packages: ['-r /etc/passwd']}\n",
        "name: demo\nbase: {debian: bookworm}\nvariables: {LD_PRELOAD: '/tmp/x', 'A=B': c}\n",
        'name: demo\nbase: {debian: bookworm}\nchecks: ["\'"]\n',
        "%YAML 9.9\n---\nname: demo\n",
        "\ufeffname: demo\n",
        "name: " + "é" * 100_000,
    ):
        path.write_bytes(text.encode())
        for command in READING:
            done = published.run(*command)
            sound(done, bugs)
            if command[0] == "validate":
                assert done.code == 1, text[:60]
            if "github" in command:
                assert not any(line.startswith("::error file=x::") for line in done.out.splitlines())


@pytest.mark.parametrize("command", ["show", "diff", "log"])
def test_hostile_references(published: Workplace, bugs: Path, command: str) -> None:
    before = sorted(str(path) for path in published.root.rglob("*"))
    for at in (
        *(
            "HEAD~1",
            "HEAD^{tree}",
            "@{u}",
            ":/x",
            "-1",
            "0",
            "01",
            "1" * 400,
            "9" * 9,
            "{worktree}",
            "latest@1",
        ),
        *(
            "--output=x",
            "--help",
            "-",
            "..",
            "a..b",
            "a...b",
            "^HEAD",
            "refs/heads/../../x",
            "HEAD:catalog",
            "@",
        ),
        *(
            "\x1b[2J",
            "\n",
            "é",
            "x" * 100_000,
            "main --",
            "1970-01-01",
            "2026-13-45",
            "9999-12-31",
            "tags/demo@1",
        ),
    ):
        sound(published.run(command, "--", f"demo@{at}"), bugs)
    for name in ("", "@", "@1", "demo@", "DEMO", "../demo", "demo\n", "demo@1\n", "x" * 100_000):
        done = published.run(command, "--", name)
        sound(done, bugs)
        assert done.code == 2, name[:20]
    assert sorted(str(path) for path in published.root.rglob("*")) == before
