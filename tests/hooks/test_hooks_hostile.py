"""A hostile push runs nothing on the server and learns nothing of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hooks_support import push, remote_lines

from support.catalogs import Workplace, git

SECRET = "canary-7f3c9e5a"


@pytest.fixture
def trapped(served: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Workplace, Path]:
    """An origin whose filters and drivers would tell, and a secret in the server's environment."""
    canary = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $@" >> {canary}\ncat\n')
    program.chmod(0o755)
    assert served.origin is not None
    for key in (
        *(
            "filter.evil.smudge",
            "filter.evil.clean",
            "filter.evil.process",
            "diff.evil.textconv",
            "diff.external",
        ),
        *(
            "core.fsmonitor",
            "core.pager",
            "core.sshCommand",
            "diff.evil.command",
        ),
    ):
        git(served.origin, "config", key, str(program))
    monkeypatch.setenv("SERVER_SECRET", SECRET)
    root = served.root
    (root / ".gitattributes").write_text("* filter=evil diff=evil export-subst ident\n")
    (root / "hooks").mkdir()
    shutil.copy(program, root / "hooks/post-receive")
    for module in ("yaml", "click", "sitecustomize", "envcatalog", "json"):
        (root / f"{module}.py").write_text(f"open({str(canary)!r}, 'w')\n")
    (root / "pyproject.toml").write_text("[tool.uv]\nindex-url = 'http://127.0.0.1:9/simple'\n")
    (root / "passwd").symlink_to("/etc/passwd")
    (root / "bases" / "link").symlink_to("/")
    head = git(root, "rev-parse", "HEAD")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{head},module")
    (root / ".gitmodules").write_text(f'[submodule "module"]\n\tpath = module\n\turl = ext::{program}\n')
    return served, canary


def test_a_good_environment_among_traps_is_published(trapped: tuple[Workplace, Path]) -> None:
    place, canary = trapped
    place.add("demo", "alpha<2", more="variables: {A: '$SERVER_SECRET', B: '${SERVER_SECRET}'}\n")
    done = push(place.root, "main")
    assert done.returncode == 0, done.stderr
    assert remote_lines(done)[-1] == "1 published, 0 retagged, 0 unchanged, 0 refused"
    assert SECRET not in done.stdout + done.stderr
    assert not canary.exists(), canary.read_text()
    for path in Path(place.images.removeprefix("oci:")).rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    assert place.origin is not None
    subprocess.run(["git", "-C", place.origin, "diff", "HEAD~1", "HEAD"], capture_output=True, check=False)
    assert canary.exists(), "the traps are armed"


HOSTILE = {
    "escapes": "name: demo\ndescription: \x1b[2J\x1b]0;gone\x07\n",
    "workflow": "name: demo\n::error file=x::injected: y\n",
    "bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "object": "name: !!python/object/apply:os.system ['touch ran']\n",
    "environment": "name: $SERVER_SECRET\nbase: {image: '${SERVER_SECRET}'}\n",
    "nested": "{" * 5000,
    "option": "name: demo\nbase: {debian: bookworm}\npython: {version: '3.11', packages: ['-r /proc/self/environ']}\n",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_definitions_are_refused(trapped: tuple[Workplace, Path], case: str) -> None:
    place, canary = trapped
    place.write("demo", HOSTILE[case])
    place.commit()
    done = push(place.root, "main")
    assert (done.returncode, remote_lines(done)[-1]) == (1, "error: the push is refused"), done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert "\x1b[2J" not in done.stderr
    assert "Traceback" not in done.stderr
    assert not canary.exists(), canary.read_text()
    assert place.origin is not None
    assert not list(place.origin.glob("objects/tmp_objdir*"))


@pytest.mark.parametrize("path", ["catalog/demo/lock.json", "catalog/catalog.yaml"])
def test_links_in_place_of_files(served: Workplace, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("SERVER_SECRET", SECRET)
    served.add("demo", "alpha<2")
    (served.root / path).unlink()
    (served.root / path).symlink_to("/proc/self/environ")
    served.commit()
    done = push(served.root, "main")
    assert (done.returncode, remote_lines(done)[-1]) == (1, "error: the push is refused")
    assert f"`{path}` is a symbolic link, and only plain files are read" in done.stderr
    assert SECRET not in done.stderr


def test_a_tree_that_leads_out_of_the_folder(served: Workplace, tmp_path: Path) -> None:
    """Git takes such trees from a push unless `receive.fsckObjects` is set; nothing is written outside."""
    served.add("demo", "alpha<2")
    blob = git(served.root, "hash-object", "-w", "--stdin", stdin="outside")
    evil = git(served.root, "mktree", stdin=f"100644 blob {blob}\tescaped\n")
    entries = git(served.root, "ls-tree", "HEAD")
    raw = f"{entries}\n040000 tree {evil}\tXX\n"
    tree = git(served.root, "mktree", stdin=raw)
    data = subprocess.run(
        ["git", "-C", served.root, "cat-file", "tree", tree], capture_output=True, check=True
    ).stdout.replace(b"40000 XX\0", b"40000 ..\0")
    made = subprocess.run(
        ["git", "-C", served.root, "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
        input=data,
        capture_output=True,
        check=True,
    ).stdout.decode()
    commit = git(served.root, "commit-tree", made.strip(), "-p", "HEAD", "-m", "Escape")
    done = push(served.root, f"{commit}:refs/heads/main")
    assert "error: the commit holds the path `../escaped`, which leads out of it" in done.stderr
    assert not list(tmp_path.rglob("escaped"))
    assert served.layout() == {}


def test_names_of_references_are_shown_and_never_obeyed(served: Workplace) -> None:
    served.write("demo", "name: demo\n")
    served.commit()
    done = push(served.root, "main:refs/heads/--output=x", "main:refs/heads/$(touch${IFS}ran)")
    assert done.returncode == 1
    assert remote_lines(done)[0] == "in $(touch${IFS}ran):" or remote_lines(done)[0] == "in --output=x:"
    assert served.origin is not None
    assert not (served.origin / "x").exists()
    assert not (served.origin / "ran").exists()
    assert "GIT_DIR" not in os.environ
