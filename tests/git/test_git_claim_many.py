"""Versions of many environments at once: one push, and the rules of a single claim for whatever is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from git_support import digest, facts, git

from envcatalog.git import remote as remote_module
from envcatalog.git.claim import claim, claim_next
from envcatalog.git.claim_many import claim_each
from envcatalog.git.objects import GitObject
from envcatalog.git.remote import push_tag, push_tags
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.tag_write import NewTag, make_tag
from envcatalog.git.versions import versions

NAMES = ("alpha", "beta", "gamma", "delta")


@pytest.fixture
def shared(root: Path, tmp_path: Path) -> Path:
    """A repository with a remote."""
    bare = tmp_path / "remote.git"
    git(tmp_path, "init", "-q", "--bare", str(bare))
    git(root, "remote", "add", "origin", str(bare))
    return root


def tags(folder: Path) -> dict[str, str]:
    out = git(folder, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags")
    return dict(line.split(" ") for line in out.splitlines())


@pytest.mark.parametrize("remote", ["origin", None])
def test_all_at_once(
    shared: Path, tmp_path: Path, remote: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_module, "push_tag", lambda *_: pytest.fail("a tag was pushed alone"))
    with CatalogRepository.open(shared) as repository:
        claim(repository, "beta", 1, facts(repository.require_head(), "0"), remote=None)
        wanted = [(name, facts(repository.require_head(), "1")) for name in NAMES]
        found = claim_each(repository, wanted, remote=remote)
        assert [version.reference for version in found] == ["alpha@1", "beta@2", "gamma@1", "delta@1"]
        assert found == claim_each(repository, wanted, remote=remote)
        assert {version.tag for version in found} <= {version.tag for version in versions(repository)}
    there = tags(tmp_path / "remote.git")
    assert there == ({version.reference: version.tag for version in found} if remote else {})
    assert {version.reference: version.tag for version in found}.items() <= tags(shared).items()


def test_what_another_clone_claimed_first(shared: Path, tmp_path: Path) -> None:
    git(shared, "push", "-q", "origin", "HEAD:refs/heads/main")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(tmp_path / "remote.git"), str(other))
    with CatalogRepository.open(other) as repository:
        same = claim_next(repository, "alpha", facts(repository.require_head(), "1"), remote="origin")
        claim_next(repository, "gamma", facts(repository.require_head(), "2"), remote="origin")
    with CatalogRepository.open(shared) as repository:
        found = claim_each(
            repository, [(name, facts(repository.require_head(), "1")) for name in NAMES], remote="origin"
        )
    assert [version.reference for version in found] == ["alpha@1", "beta@1", "gamma@2", "delta@1"]
    assert found[0].tag == same.tag
    assert tags(shared) == tags(tmp_path / "remote.git")


def test_killed_after_the_push(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from envcatalog.git import claim_many

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with CatalogRepository.open(shared) as repository:
        wanted = [(name, facts(repository.require_head(), "1")) for name in NAMES]
        with monkeypatch.context() as patch:
            patch.setattr(claim_many, "create_references", kill)
            with pytest.raises(Killed):
                claim_each(repository, wanted, remote="origin")
        before = tags(tmp_path / "remote.git")
        assert sorted(before) == [f"{name}@1" for name in sorted(NAMES)]
        assert tags(shared) == {}
        found = claim_each(repository, wanted, remote="origin")
    assert {version.reference: version.tag for version in found} == before == tags(shared)


def test_a_refused_tag_does_not_stop_the_others(shared: Path, tmp_path: Path) -> None:
    head = git(shared, "rev-parse", "HEAD").strip()
    with CatalogRepository.open(shared) as repository:
        assert push_tag(repository, "origin", "refs/tags/beta@1", head) == ""
        parent = git(shared, "commit-tree", "-m", "x", f"{head}^{{tree}}").strip()
        wanted = {f"refs/tags/{name}@1": parent for name in NAMES}
        assert push_tags(repository, "origin", wanted) == {"refs/tags/beta@1"}
    assert tags(tmp_path / "remote.git") == {f"{n}@1": head if n == "beta" else parent for n in NAMES}


def test_reads_no_tag_of_another_environment(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with CatalogRepository.open(shared) as repository:
        head = repository.require_head()
        claim_each(repository, [("other", facts(head, "1")), ("more", facts(head, "1"))], remote=None)
        asked: list[str] = []
        read_many = repository.objects.read_many

        def watched(ids: Iterable[str], **limits: Any) -> Iterator[GitObject]:
            return read_many((asked.append(one) or one for one in ids), **limits)

        monkeypatch.setattr(repository.objects, "read_many", watched)
        claim_each(repository, [(name, facts(head, "1")) for name in NAMES], remote=None)
    known = tags(shared)
    assert set(asked) == {head, *(known[f"{name}@1"] for name in NAMES)}


def test_writes_the_objects_that_git_tag_writes(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-03-01T12:00:00+05:30")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Jürgen <crlf> .")
    with CatalogRepository.open(shared) as repository:
        head = repository.require_head()
        wanted = [(name, facts(head, "1", message="Why?\n\n# no comment\n")) for name in NAMES]
        made = claim_each(repository, wanted, remote=None)
        targets = {"record": made[0].tag, **{version.name: version.commit for version in made}}
        made_too = make_tag(
            repository, NewTag(reference="record@1", target=made[0].tag, trailers={"Plan": digest("a")})
        )
    found = {version.name: version.tag for version in made} | {"record": made_too}
    for name, target in targets.items():
        message = git(shared, "cat-file", "-p", found[name]).split("\n\n", 1)[1] + "\n"
        git(shared, "tag", "-f", "-a", "--cleanup=verbatim", "-F", "-", f"{name}@1", target, stdin=message)
        assert git(shared, "rev-parse", f"{name}@1") == found[name]
