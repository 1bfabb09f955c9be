"""Making repositories and commits."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_support import git, write_environment

from envcatalog.git.repository import CatalogRepository
from envcatalog.git.write import commit, init
from envcatalog.model.errors import UserError


def test_init_and_first_commit(tmp_path: Path) -> None:
    with init(tmp_path / "new/catalog") as repository:
        write_environment(repository.root, "alpha")
        made = commit(repository, ["catalog"], "Start\n\n# kept\n")
        assert made == repository.head()
        assert git(repository.root, "log", "-1", "--format=%B") == "Start\n\n# kept"
        assert git(repository.root, "status", "--porcelain") == ""


def test_init_keeps_what_is_there(root: Path) -> None:
    head = git(root, "rev-parse", "HEAD")
    with init(root) as repository:
        assert repository.head() == head


def test_commit_takes_these_paths_alone(repository: CatalogRepository) -> None:
    root = repository.root
    (root / "other.txt").write_text("staged by the user\n")
    git(root, "add", "other.txt")
    write_environment(root, "alpha", text="edited")
    (root / "catalog/beta/environment.yaml").unlink()
    commit(repository, ["catalog"], "Edit")
    assert git(root, "status", "--porcelain") == "A  other.txt"
    assert git(root, "show", "--name-status", "--format=", "HEAD") == (
        "M\tcatalog/alpha/environment.yaml\nD\tcatalog/beta/environment.yaml"
    )


def test_nothing_to_commit(repository: CatalogRepository) -> None:
    head = repository.head()
    assert commit(repository, ["catalog"], "Nothing") == head == repository.head()


def test_hostile_path_is_a_path(repository: CatalogRepository) -> None:
    for name in ("--all", ":(exclude)x", "*"):
        (repository.root / name).write_text("x")
    commit(repository, ["*"], "Star")
    assert git(repository.root, "show", "--name-only", "--format=", "HEAD") == "*"


def test_users_hook_may_refuse(repository: CatalogRepository) -> None:
    hook = repository.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho error: not on a Sunday >&2\nexit 1\n")
    hook.chmod(0o755)
    write_environment(repository.root, "alpha", text="edited")
    with pytest.raises(UserError) as caught:
        commit(repository, ["catalog"], "Edit")
    assert caught.value.message == "`git commit` failed: not on a Sunday"


def test_stale_lock(repository: CatalogRepository) -> None:
    (repository.root / ".git/index.lock").write_text("")
    write_environment(repository.root, "alpha", text="edited")
    with pytest.raises(UserError) as caught:
        commit(repository, ["catalog"], "Edit")
    lock = repository.root / ".git/index.lock"
    assert caught.value.message == f"the repository is locked: Unable to create '{lock}': File exists."
    assert caught.value.hint == "end the other Git process, or remove the lock file if none is running"


def test_author_for_a_machine_that_has_none(
    repository: CatalogRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "nobody"
    config.write_text("[user]\n\tuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    write_environment(repository.root, "alpha", text="edited")
    with pytest.raises(UserError) as caught:
        commit(repository, ["catalog"], "Edit")
    assert caught.value.message == "Git does not know who you are, so a commit cannot carry your name"
    commit(repository, ["catalog"], "Edit", author=("Demo", "demo@example.com"))
    assert git(repository.root, "log", "-1", "--format=%an <%ae> %cn") == "Demo <demo@example.com> Demo"
