"""Reading a commit and the work tree: the same answers, and nothing followed or run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from git_support import git, write_environment

from envcatalog.git.changes import changed, changed_names, changed_paths, changed_since
from envcatalog.git.history import log
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.source import Revision, Source
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.trees import environments
from envcatalog.git.worktree import WorkTree
from envcatalog.model.errors import Refusal, UserError

ALPHA = b"name: alpha\ndescription: x\n"


@pytest.fixture(params=["commit", "work tree"])
def source(request: pytest.FixtureRequest, repository: CatalogRepository) -> Source:
    if request.param == "work tree":
        return WorkTree(repository.root)
    return Revision(repository, repository.require_head())


def both(repository: CatalogRepository) -> tuple[Source, Source]:
    git(repository.root, "add", "catalog")
    git(repository.root, "commit", "-qm", "Edit")
    return WorkTree(repository.root), Revision(repository, repository.require_head())


def test_names_and_files(source: Source) -> None:
    assert source.names() == ("alpha", "beta")
    assert source.read("catalog/alpha/environment.yaml") == ALPHA
    assert source.read("catalog/beta/lock.json") is None
    assert source.read("catalog/none/lock.json") is None
    assert dict(source.read_each("lock.json")) == {"alpha": b"{}\n"}
    assert [name for name, _ in source.read_each("environment.yaml")] == ["alpha", "beta"]
    assert source.skipped() == ()


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "catalog/../../x", "catalog//x", "catalog/.", "a\0b"]
)
def test_paths_outside_are_a_bug(source: Source, path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside a catalog"):
        source.read(path)


def test_folder_is_no_file(source: Source) -> None:
    with pytest.raises(Refusal) as caught:
        source.read("catalog/alpha")
    assert caught.value.message == "`catalog/alpha` is not a file, and only plain files are read"


def test_linked_definition_is_never_followed(repository: CatalogRepository, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password")
    (repository.root / "catalog/gamma").mkdir()
    (repository.root / "catalog/gamma/environment.yaml").symlink_to(secret)
    for source in both(repository):
        assert source.names() == ("alpha", "beta")
        where = "catalog/gamma/environment.yaml"
        assert source.skipped() == (Suspicion(where=where, reason="is a symbolic link"),)
        with pytest.raises(Refusal) as caught:
            source.read(where)
        assert caught.value.message == f"`{where}` is a symbolic link, and only plain files are read"


def test_linked_folder_is_never_followed(repository: CatalogRepository) -> None:
    (repository.root / "catalog/gamma").symlink_to("alpha")
    for source in both(repository):
        assert source.names() == ("alpha", "beta")
        assert source.skipped() == (Suspicion(where="catalog/gamma", reason="is a symbolic link"),)
        with pytest.raises(Refusal) as caught:
            source.read("catalog/gamma/environment.yaml")
        assert caught.value.message == "`catalog/gamma` is a symbolic link, and only plain files are read"


def test_linked_catalog_is_never_followed(repository: CatalogRepository) -> None:
    (repository.root / "catalog").rename(repository.root / "real")
    (repository.root / "catalog").symlink_to("real")
    for source in both(repository):
        assert source.names() == ()
        assert source.skipped() == (Suspicion(where="catalog", reason="is a symbolic link"),)


def test_submodule_is_never_followed(repository: CatalogRepository) -> None:
    head = repository.require_head()
    git(repository.root, "update-index", "--add", "--cacheinfo", f"160000,{head},catalog/gamma")
    git(repository.root, "commit", "-qm", "Add a submodule")
    source = Revision(repository, repository.require_head())
    assert source.skipped() == (Suspicion(where="catalog/gamma", reason="is a submodule"),)
    with pytest.raises(Refusal, match="is a submodule"):
        source.read("catalog/gamma/environment.yaml")


@pytest.mark.parametrize("name", ["Alpha", "a b", "--output=x", "café", "cafe\u0301", "x" * 65, "a\nb"])
def test_names_that_are_none(repository: CatalogRepository, name: str) -> None:
    write_environment(repository.root, name, lock=None)
    for source in both(repository):
        assert source.names() == ("alpha", "beta")
        where = f"catalog/{name}/environment.yaml"
        assert source.skipped() == (Suspicion(where=where, reason="is in a folder whose name is not valid"),)


def test_name_that_is_not_utf8(repository: CatalogRepository) -> None:
    folder = os.fsencode(repository.root) + b"/catalog/\xff"
    os.mkdir(folder)
    with open(folder + b"/environment.yaml", "wb") as file:
        file.write(b"x")
    for source in both(repository):
        assert [item.where for item in source.skipped()] == ["catalog/\udcff/environment.yaml"]


def test_lock_without_definition(repository: CatalogRepository) -> None:
    (repository.root / "catalog/alpha/environment.yaml").unlink()
    for source in both(repository):
        assert source.names() == ("beta",)
        reason = "has a `lock.json` but no `environment.yaml`"
        assert source.skipped() == (Suspicion(where="catalog/alpha", reason=reason),)


def test_oversized_definition_is_cut_and_the_rest_still_comes(repository: CatalogRepository) -> None:
    (repository.root / "catalog/alpha/environment.yaml").write_bytes(b"#" * 40_000_000)
    for source in both(repository):
        found = dict(source.read_each("environment.yaml"))
        assert len(found["alpha"]) == 1024 * 1024 + 1
        assert found["beta"] == b"name: beta\ndescription: x\n"


def test_oversized_lock_is_refused(repository: CatalogRepository) -> None:
    (repository.root / "catalog/alpha/lock.json").write_bytes(b"#" * 17_000_000)
    for source in both(repository):
        with pytest.raises(Refusal) as caught:
            source.read("catalog/alpha/lock.json")
        assert caught.value.message == "`catalog/alpha/lock.json` is larger than 16 MiB"


def test_pipe_in_place_of_a_file_does_not_hang(repository: CatalogRepository) -> None:
    os.mkfifo(repository.root / "catalog/beta/lock.json")
    with pytest.raises(Refusal) as caught:
        WorkTree(repository.root).read("catalog/beta/lock.json")
    assert caught.value.message == "`catalog/beta/lock.json` is not a file, and only plain files are read"


def test_an_abandoned_walk_leaves_the_reader_in_step(repository: CatalogRepository) -> None:
    for number in range(30):
        write_environment(repository.root, f"e{number:02}", text=str(number))
    _, source = both(repository)
    next(source.read_each("environment.yaml"))
    assert source.read("catalog/e07/environment.yaml") == b"name: e07\ndescription: 7\n"


def test_entries_hold_ids(repository: CatalogRepository) -> None:
    entries = environments(repository, None)
    assert entries["alpha"].definition == git(
        repository.root, "rev-parse", "HEAD:catalog/alpha/environment.yaml"
    )
    assert entries["beta"].lock is None


def test_nothing_changed(repository: CatalogRepository) -> None:
    os.utime(repository.root / "catalog/alpha/environment.yaml")
    assert not changed(repository, "alpha")
    assert changed_paths(repository, "catalog") == ()


@pytest.mark.parametrize("where", ["work tree", "index", "both"])
def test_edit_is_a_change(repository: CatalogRepository, where: str) -> None:
    path = repository.root / "catalog/alpha/environment.yaml"
    path.write_text("edited\n")
    if where != "work tree":
        git(repository.root, "add", "catalog")
    if where == "index":
        path.write_bytes(ALPHA)
    assert changed(repository, "alpha")
    assert not changed(repository, "beta")
    assert changed_names(repository) == {"alpha"}


def test_deleted_new_and_ignored_files(repository: CatalogRepository) -> None:
    (repository.root / ".git/info/exclude").write_text("*.log\n")
    (repository.root / "catalog/beta/build.log").write_text("")
    assert not changed(repository, "beta")
    (repository.root / "catalog/beta/lock.json").write_text("{}\n")
    (repository.root / "catalog/alpha/lock.json").unlink()
    assert changed_paths(repository, "catalog") == ("catalog/alpha/lock.json", "catalog/beta/lock.json")


def test_settings_count_for_every_environment(repository: CatalogRepository) -> None:
    (repository.root / "catalog/catalog.yaml").write_text("aliases: [prod]\n")
    assert changed(repository, "beta")
    assert changed_names(repository) == frozenset()


def test_crlf_checkout_is_no_change(repository: CatalogRepository) -> None:
    path = repository.root / "catalog/alpha/environment.yaml"
    path.write_bytes(ALPHA.replace(b"\n", b"\r\n"))
    assert not changed(repository, "alpha")


def test_sparse_checkout_is_no_change(repository: CatalogRepository) -> None:
    git(repository.root, "sparse-checkout", "set", "--no-cone", "/catalog/beta/", "/catalog/catalog.yaml")
    assert not (repository.root / "catalog/alpha/environment.yaml").exists()
    assert changed_paths(repository, "catalog") == ()


def test_before_the_first_commit_everything_is_new(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write_environment(tmp_path, "alpha")
    with CatalogRepository.open(tmp_path) as repository:
        assert changed_names(repository) == {"alpha"}
        assert list(log(repository)) == []


def test_changed_since(repository: CatalogRepository) -> None:
    start = repository.require_head()
    write_environment(repository.root, "gamma")
    both(repository)
    write_environment(repository.root, "beta", text="edited", lock=None)
    both(repository)
    assert changed_since(repository, start) == {"beta", "gamma"}
    assert changed_since(repository, start, git(repository.root, "rev-parse", "HEAD~1")) == {"gamma"}


def test_log_survives_hostile_messages(repository: CatalogRepository) -> None:
    start = repository.require_head()
    hostile = "fake\x1b[31m%H%x00 commit 0000\n\ncommit deadbeef\nAuthor: Eve\n"
    write_environment(repository.root, "alpha", text="edited")
    git(repository.root, "commit", "-qaF-", "--cleanup=verbatim", stdin=hostile)
    commits = list(log(repository, "catalog/alpha"))
    head = repository.require_head()
    assert [(item.id, item.message) for item in commits] == [
        (head, "fake\x1b[31m%H%x00 commit 0000"),
        (start, "Add two environments"),
    ]
    assert commits[0].author == "Ada Example <ada@example.com>"
    assert commits[0].date == "2026-01-02T03:04:05+00:00"
    assert list(log(repository, "catalog/beta", limit=1)) == commits[1:]


def test_log_of_a_missing_commit(repository: CatalogRepository) -> None:
    with pytest.raises(
        UserError, match=r"an object of the repository is damaged or missing: bad object 1{40}"
    ):
        list(log(repository, revision="1" * 40))


def test_log_given_up_early_ends_its_process(repository: CatalogRepository) -> None:
    git(repository.root, "commit", "-q", "--allow-empty", "-m", "More")
    before = _children()
    commits = log(repository)
    next(commits)
    commits.close()  # type: ignore[attr-defined]
    assert _children() == before


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
