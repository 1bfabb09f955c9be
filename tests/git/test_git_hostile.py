"""Hostile references and hostile repository settings: nothing is written, nothing is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from git_support import git

from envcatalog.git.changes import changed_paths, changed_since
from envcatalog.git.history import log
from envcatalog.git.refs import quote, resolve
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import Revision
from envcatalog.git.versions import scan
from envcatalog.git.worktree import WorkTree
from envcatalog.model.errors import UserError
from support.hostile_git import plant

HOSTILE = [
    "--output=x",
    "-h",
    "$(id)",
    "`id`",
    '"><script>',
    "v1..v2",
    "v1...v2",
    ":path",
    ":/Add",
    "HEAD:catalog",
    "HEAD^{/a}",
    "HEAD^{tree}",
    "HEAD^",
    "HEAD@{1}",
    "@{-1}",
    "main@{upstream}",
    "@",
    "",
    " ",
    "a b",
    "a\nb",
    "a\0b",
    "main\n",
    "\udcff",
    "*",
    "mai?",
    "[m]ain",
    "a\\b",
    "refs//heads",
    "a/.b",
    "main.lock",
    "main/",
    "main.",
    "x" * 300,
    "HEAD~1234567",
    "é" * 128,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_revisions_never_reach_git(
    repository: CatalogRepository, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository.processes, "read", lambda *_: pytest.fail("Git was asked"))
    with pytest.raises(UserError) as caught:
        resolve(repository, text)
    assert caught.value.message == f"{quote(text)} cannot name a commit"
    assert caught.value.message.isprintable()
    assert caught.value.hint == "use a commit id, a branch or a tag"


def test_good_revisions(repository: CatalogRepository) -> None:
    root = repository.root
    first = repository.require_head()
    git(root, "commit", "-q", "--allow-empty", "-m", "More")
    git(root, "branch", "topic/größe", first)
    git(root, "branch", "odd-gabcdef", first)
    git(root, "tag", "alpha@1", first)
    head = repository.require_head()
    for text in (
        "HEAD~1",
        "main~1",
        first,
        first[:8],
        "topic/größe",
        "odd-gabcdef",
        "alpha@1",
        "refs/tags/alpha@1",
    ):
        assert resolve(repository, text) == first
    for text in ("HEAD", "main", "heads/main", head):
        assert resolve(repository, text) == head


def test_revisions_that_name_nothing(repository: CatalogRepository) -> None:
    tree = git(repository.root, "rev-parse", "HEAD^{tree}")
    described = f"nonsense-g{repository.require_head()[:7]}"
    for text in ("none", "1" * 40, tree, "HEAD~7", "config", described):
        with pytest.raises(UserError) as caught:
            resolve(repository, text)
        assert (caught.value.message, caught.value.hint) == (
            f"no commit, branch or tag is called {quote(text)}",
            "",
        )


def test_shallow_clone_gives_a_hint(root: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{root}", "shallow")
    with CatalogRepository.open(tmp_path / "shallow") as repository, pytest.raises(UserError) as caught:
        resolve(repository, "HEAD~3")
    assert caught.value.hint == "run `git fetch --unshallow`: this clone is shallow"


def test_repository_settings_run_nothing(root: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (root / "catalog/alpha/environment.yaml").write_text("edited\n")
    git(root, "tag", "-am", "text", "alpha@1")
    head = git(root, "rev-parse", "HEAD")
    plant(root, canary)
    # The settings do bite where nobody defends: otherwise this test could not fail.
    git(root, "status")
    assert canary.exists()
    canary.unlink()
    future = os.stat(root / ".git/index").st_mtime + 5
    os.utime(root / "catalog/beta/environment.yaml", (future, future))
    with CatalogRepository.open(root) as repository:
        assert repository.head() == head
        assert repository.branch() == "main"
        assert resolve(repository, "main") == head
        for source in (Revision(repository, head), WorkTree(root)):
            assert source.names() == ("alpha", "beta")
            assert list(source.read_each("lock.json")) == [("alpha", b"{}\n")]
        assert changed_paths(repository, "catalog") == ("catalog/alpha/environment.yaml",)
        assert changed_since(repository, head) == frozenset()
        assert len(list(log(repository, "catalog/alpha"))) == 1
        assert len(scan(repository).suspicious) == 1
        with pytest.raises(UserError):
            repository.objects.read("1" * len(head), limit=1)
    assert not canary.exists()


def test_missing_object_of_a_hostile_partial_clone_runs_nothing(root: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    blob = git(root, "rev-parse", "HEAD:catalog/alpha/lock.json")
    (root / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    plant(root, canary)
    git(root, "config", "core.repositoryFormatVersion", "1")
    urls = (f"ext::{tmp_path}/run", "ssh://example.com/x", f"{root}", f"file://{root}")
    for url in urls:
        git(root, "config", "remote.origin.url", url)
        canary.unlink(missing_ok=True)
        # Git itself would start the program.
        subprocess.run(["git", "-C", str(root), "cat-file", "-e", blob], check=False, capture_output=True)
        assert canary.exists(), url
        canary.unlink()
        with CatalogRepository.open(root) as repository, pytest.raises(UserError) as caught:
            Revision(repository, repository.require_head()).read("catalog/alpha/lock.json")
        assert caught.value.message == f"object `{blob}` is missing from the repository"
        assert not canary.exists(), url


def test_replaced_commit_is_read_as_it_was(repository: CatalogRepository) -> None:
    root = repository.root
    head = repository.require_head()
    (root / "catalog/alpha/lock.json").write_text("forged\n")
    git(root, "commit", "-qam", "Forge")
    git(root, "replace", head, "HEAD")
    assert Revision(repository, head).read("catalog/alpha/lock.json") == b"{}\n"
