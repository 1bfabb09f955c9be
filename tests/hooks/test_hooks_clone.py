"""`pre-commit` and `pre-push` in a working clone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hooks_support import push

from support.catalogs import Workplace, git


def commit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`git commit`, whatever comes of it."""
    return subprocess.run(
        ["git", "-C", str(folder), "commit", "-qm", "Edit", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )


@pytest.fixture
def hooked(with_origin: Workplace) -> Workplace:
    with_origin.add("demo", "alpha<2")
    done = with_origin.run("hooks", "install")
    hooks = with_origin.root / ".git/hooks"
    assert done.out == f"installed  {hooks / 'pre-commit'}\ninstalled  {hooks / 'pre-push'}\n"
    return with_origin


REFUSED = """\
error: the key `descriptoin` is not known here
 --> catalog/demo/environment.yaml:2:1
  |
2 | descriptoin: For a test
  | ^^^^^^^^^^^
hint: did you mean `description`?
error: what is staged has problems, so nothing was committed
"""


def test_what_is_staged_is_checked_and_not_the_work_tree(hooked: Workplace) -> None:
    head = git(hooked.root, "rev-parse", "HEAD")
    hooked.edit("demo", "description:", "descriptoin:")
    git(hooked.root, "add", "catalog")
    hooked.edit("demo", "descriptoin:", "description:")
    done = commit(hooked.root)
    assert (done.returncode, done.stderr) == (1, REFUSED)
    assert git(hooked.root, "rev-parse", "HEAD") == head
    git(hooked.root, "add", "catalog")
    hooked.edit("demo", "description:", "descriptoin:")
    (hooked.root / "notes").write_text("x\n")
    git(hooked.root, "add", "notes")
    done = commit(hooked.root)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [("-a",), ("--only", "catalog/demo/environment.yaml")])
def test_the_index_of_this_commit_is_meant(hooked: Workplace, arguments: tuple[str, ...]) -> None:
    hooked.edit("demo", "description:", "descriptoin:")
    done = commit(hooked.root, *arguments)
    assert (done.returncode, done.stderr) == (1, REFUSED)
    assert commit(hooked.root, *arguments, "--no-verify").returncode == 0


def test_the_first_commit_and_a_linked_work_tree(hooked: Workplace, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(hooked.root, "worktree", "add", "-q", str(linked))
    path = linked / "catalog/demo/environment.yaml"
    path.write_text(path.read_text().replace("description:", "descriptoin:"))
    done = commit(linked, "-a")
    assert (done.returncode, done.stderr) == (1, REFUSED)
    git(hooked.root, "checkout", "-q", "--orphan", "empty")
    assert commit(hooked.root).returncode == 0


def test_a_stale_lock_is_not_pushed(hooked: Workplace) -> None:
    hooked.edit("demo", "alpha<2", "alpha>=2")
    hooked.commit("Forget the lock")
    done = push(hooked.root, "main")
    assert done.returncode == 1
    assert done.stderr.splitlines()[:6] == [
        "in main:",
        "error: the lock of `demo` does not belong to its definition",
        " --> catalog/demo/lock.json:1:1",
        "hint: run `envcat lock demo` and commit the lock",
        "error: the push has problems, so nothing was sent",
        f"error: failed to push some refs to '{hooked.origin}'",
    ]
    hooked.lock("demo")
    hooked.commit("Lock")
    assert push(hooked.root, "main").returncode == 0
    git(hooked.root, "tag", "v1")
    assert push(hooked.root, "v1").returncode == 0
    assert push(hooked.root, ":refs/tags/v1").returncode == 0


def test_publishing_goes_through_the_hook(hooked: Workplace) -> None:
    assert push(hooked.root, "main").returncode == 0
    assert hooked.published() == [("demo", 1, "published", "new")]


def test_modules_in_the_tree_are_not_imported(hooked: Workplace, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for module in ("yaml", "click", "sitecustomize", "envcatalog", "json"):
        (hooked.root / f"{module}.py").write_text(f"open({str(canary)!r}, 'w')\n")
    git(hooked.root, "add", ".")
    assert commit(hooked.root).returncode == 0
    assert push(hooked.root, "main").returncode == 0
    assert not canary.exists()
