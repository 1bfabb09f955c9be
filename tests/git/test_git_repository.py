"""Opening, and what each kind of repository answers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from git_support import git, make_catalog

from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import Revision
from envcatalog.model.errors import UserError


def error_of(path: Path) -> tuple[str, str]:
    with pytest.raises(UserError) as caught:
        CatalogRepository.open(path)
    return caught.value.message, caught.value.hint


def test_root_is_found_from_a_subfolder(root: Path) -> None:
    with CatalogRepository.open(root / "catalog/alpha") as repository:
        assert repository.root == root.resolve()
        assert repository.head() == git(root, "rev-parse", "HEAD")
        assert repository.branch() == "main"
        assert not repository.is_shallow


def test_folder_outside_of_any_repository(tmp_path: Path) -> None:
    assert error_of(tmp_path) == (
        f"`{tmp_path}` is not in a Git repository",
        "run `envcat init` to make a catalog",
    )


def test_missing_folder(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none") == (f"`{tmp_path}/none` is not a folder", "")


def test_bare_repository(root: Path, origin: Path) -> None:
    message, hint = error_of(origin)
    assert message == f"`{origin}` is a bare repository, which has no files to work on"
    assert hint == "use a clone with a work tree"


def test_git_folder_itself(root: Path) -> None:
    message, _ = error_of(root / ".git")
    assert message == f"`{root}/.git` is inside a Git folder, which is not a work tree"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to give a folder away")
def test_repository_of_another_user(root: Path) -> None:
    shutil.chown(root, 12345)
    shutil.chown(root / ".git", 12345)
    message, hint = error_of(root)
    assert message == f"the repository around `{root}` belongs to another user"
    assert hint == f"if you trust it, run `git config --global --add safe.directory {root}`"


def test_work_tree_elsewhere(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(root, "config", "core.worktree", str(elsewhere))
    message, _ = error_of(root)
    assert message == f"the repository around `{root}` has its work tree elsewhere, in `{elsewhere}`"


def test_git_is_missing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    assert error_of(root) == ("Git is not installed or not on `PATH`", "install Git 2.30 or later")


def test_git_is_too_old(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "old/git"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\ncase "$*" in *version) echo git version 2.20.1;; *) exit 129;; esac\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)
    assert error_of(root) == ("Git 2.20.1 is too old", "install Git 2.30 or later")


def test_empty_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with CatalogRepository.open(tmp_path) as repository:
        assert repository.head() is None
        assert repository.branch() == "main"
        with pytest.raises(UserError, match="the repository has no commit yet"):
            repository.require_head()


def test_detached_head(repository: CatalogRepository) -> None:
    git(repository.root, "checkout", "-q", "--detach")
    assert repository.branch() is None
    assert repository.head() == git(repository.root, "rev-parse", "HEAD")


def test_linked_work_tree(root: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(root, "worktree", "add", "-q", str(linked), "-b", "side")
    with CatalogRepository.open(linked / "catalog") as repository:
        assert repository.root == linked
        assert repository.branch() == "side"
        assert repository.layout.common_dir == root / ".git"
        assert Revision(repository, repository.require_head()).names() == ("alpha", "beta")


def test_sha256_repository(tmp_path: Path) -> None:
    make_catalog(tmp_path / "long", object_format="sha256")
    with CatalogRepository.open(tmp_path / "long") as repository:
        head = repository.require_head()
        assert len(head) == 64
        assert Revision(repository, head).read("catalog/alpha/lock.json") == b"{}\n"


def test_shallow_clone(root: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{root}", "shallow")
    with CatalogRepository.open(tmp_path / "shallow") as repository:
        assert repository.is_shallow
        assert Revision(repository, repository.require_head()).names() == ("alpha", "beta")


def test_partial_clone_says_what_is_missing_and_fetches_nothing(root: Path, tmp_path: Path) -> None:
    git(root, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{root}", "partial")
    with CatalogRepository.open(tmp_path / "partial") as repository:
        source = Revision(repository, repository.require_head())
        with pytest.raises(UserError) as caught:
            source.read("catalog/alpha/lock.json")
    assert caught.value.message == "an object is missing from this partial clone, and reading never fetches"
    assert caught.value.hint == "run `git fetch --refetch --no-filter`"


def test_variables_of_another_repository_are_ignored(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    make_catalog(other)
    git(other, "commit", "-q", "--allow-empty", "-m", "More")
    head = git(root, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    with CatalogRepository.open(root) as repository:
        assert repository.root == root
        assert repository.head() == head


def test_many_openings_leave_nothing_behind(root: Path) -> None:
    def counts() -> tuple[int, int]:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return len(os.listdir("/proc/self/fd")), len(children)

    def once() -> None:
        with CatalogRepository.open(root) as repository:
            assert Revision(repository, repository.require_head()).read("catalog/alpha/lock.json") == b"{}\n"

    once()
    before = counts()
    for _ in range(500):
        once()
    assert counts() == before
