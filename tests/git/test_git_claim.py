"""Many publishers at once, with and without a remote; kills at every step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from git_support import digest, facts, git, tag_by_hand, trailers

from envcatalog.git.claim import VersionTaken, claim, claim_next, push_version
from envcatalog.git.remote import default_remote, source_url, sync_versions
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.versions import scan, versions
from envcatalog.model.errors import UserError

PUBLISH = """
import json, os, signal, sys
from pathlib import Path
from envcatalog.git.claim import VersionFacts, claim_next
from envcatalog.git.repository import CatalogRepository

root, remote, plan, kill = sys.argv[1:]
os.environ["GIT_COMMITTER_DATE"] = f"{1700000000 + os.getpid()} +0000"
with CatalogRepository.open(Path(root)) as repository:
    facts = VersionFacts(
        commit=repository.require_head(), plan="sha256:" + plan * 64, image="", lock="sha256:" + "f" * 64, checks="none"
    )
    print("ready", flush=True)
    sys.stdin.readline()

    def after(step):
        if step == kill:
            os.kill(os.getpid(), signal.SIGKILL)

    version = claim_next(repository, "alpha", facts, remote=remote or None, after=after)
print(json.dumps([version.number, version.tag]))
"""


def publish(root: Path, remote: str, plan: str, kill: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISH, str(root), remote, plan, kill],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def race(roots: list[Path], remote: str, plans: str) -> list[tuple[int, str]]:
    """All publishers start once all are ready; (number, tag) of each."""
    running = [publish(root, remote, plan) for root, plan in zip(roots, plans, strict=True)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    results = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        results.append(tuple(json.loads(out)))
    return results


SAME = "a" * 20
DIFFERENT = "0123456789abcdef0123"  # sixteen plans, four of them twice


@pytest.mark.parametrize("plans", [SAME, DIFFERENT], ids=["same", "different"])
def test_twenty_publishers_in_one_repository(root: Path, plans: str) -> None:
    results = race([root] * 20, "", plans)
    check_race(root, results, plans)


@pytest.mark.parametrize("plans", [SAME, DIFFERENT], ids=["same", "different"])
def test_twenty_publishers_through_one_origin(root: Path, origin: Path, tmp_path: Path, plans: str) -> None:
    clones = []
    for number in range(20):
        clones.append(tmp_path / f"clone{number}")
        git(tmp_path, "clone", "-q", str(origin), str(clones[-1]))
    results = race(clones, "origin", plans)
    check_race(origin, results, plans)
    for clone in clones:
        with CatalogRepository.open(clone) as repository:
            assert sync_versions(repository, "origin").differing == ()
            assert len(versions(repository)) == len(set(plans))


def check_race(truth: Path, results: list[tuple[int, str]], plans: str) -> None:
    tags = git(truth, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags").splitlines()
    assert sorted(set(results)) == sorted(
        (int(line.split("@")[1].split()[0]), line.split()[1]) for line in tags
    )
    assert sorted({number for number, _ in results}) == list(range(1, len(set(plans)) + 1))
    assert len(set(zip(results, plans, strict=True))) == len(set(plans))


@pytest.mark.parametrize("remote", ["", "origin"])
@pytest.mark.parametrize("kill", ["made", "pushed", "created"])
def test_killed_anywhere_and_run_again(root: Path, origin: Path, remote: str, kill: str) -> None:
    if kill == "pushed" and not remote:
        kill = "made"
    killed = publish(root, remote, "a", kill)
    _, err = killed.communicate("\n", timeout=60)
    assert killed.returncode == -signal.SIGKILL, err
    with CatalogRepository.open(root) as repository:
        if remote:
            sync_versions(repository, remote, ["alpha"])
        version = claim_next(
            repository, "alpha", facts(repository.require_head(), "a"), remote=remote or None
        )
        assert version.number == 1
        assert scan(repository).versions == (version,)
        assert scan(repository).suspicious == ()
        if remote:
            assert git(origin, "rev-parse", "alpha@1") == version.tag
        again = claim_next(repository, "alpha", facts(repository.require_head(), "b"), remote=remote or None)
        assert again.number == 2
    git(root, "fsck", "--strict")


def test_leftovers_of_killed_processes_are_removed(repository: CatalogRepository) -> None:
    stale = repository.root / ".git/envcat-tag-old"
    fresh = repository.root / ".git/envcat-tag-new"
    stale.mkdir()
    fresh.mkdir()
    os.utime(stale, (0, 0))
    claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
    assert not stale.exists()
    assert fresh.exists()


def clone_of(origin: Path, tmp_path: Path) -> CatalogRepository:
    git(tmp_path, "clone", "-q", str(origin), str(tmp_path / "other"))
    return CatalogRepository.open(tmp_path / "other")


def test_remote_decides(repository: CatalogRepository, origin: Path, tmp_path: Path) -> None:
    with clone_of(origin, tmp_path) as other:
        first = claim(other, "alpha", 1, facts(other.require_head(), "a"), remote="origin")
    with pytest.raises(VersionTaken) as caught:
        claim(repository, "alpha", 1, facts(repository.require_head(), "b"), remote="origin")
    assert caught.value.existing == first
    assert versions(repository) == (first,)


def test_sync_fetches_only_versions_and_overwrites_nothing(
    repository: CatalogRepository, origin: Path, tmp_path: Path
) -> None:
    # Settings that would delete or move local tags if they were let.
    for key, value in {
        "fetch.prune": "true",
        "fetch.pruneTags": "true",
        "remote.origin.tagOpt": "--tags",
    }.items():
        git(repository.root, "config", key, value)
    with clone_of(origin, tmp_path) as other:
        for number, plan in enumerate("abc", start=1):
            claim(other, "alpha", number, facts(other.require_head(), plan), remote="origin")
        claim(other, "beta", 1, facts(other.require_head()), remote="origin")
        git(other.root, "tag", "unrelated")
        git(other.root, "push", "-q", "origin", "unrelated")
    tag_by_hand(repository.root, "alpha@2", f"alpha@2\n\n{trailers('d')}")
    tag_by_hand(repository.root, "alpha@9", f"alpha@9\n\n{trailers('e')}")
    ours = git(repository.root, "rev-parse", "alpha@2")
    theirs = git(origin, "rev-parse", "alpha@2")
    report = sync_versions(repository, "origin", ["alpha"])
    assert report.fetched == ("refs/tags/alpha@1", "refs/tags/alpha@3")
    assert report.unpushed == ("refs/tags/alpha@9",)
    (differing,) = report.differing
    assert differing.where == "refs/tags/alpha@2"
    assert differing.reason == f"is `{ours[:12]}` here but `{theirs[:12]}` on `origin`"
    assert git(repository.root, "rev-parse", "alpha@2") == ours
    assert git(repository.root, "tag").split() == ["alpha@1", "alpha@2", "alpha@3", "alpha@9"]
    assert sync_versions(repository, "origin").fetched == ("refs/tags/beta@1",)
    assert sync_versions(repository, "origin").fetched == ()


def test_reader_sees_tags_that_a_fetch_brought_in_a_pack(
    repository: CatalogRepository, origin: Path, tmp_path: Path
) -> None:
    git(repository.root, "config", "fetch.unpackLimit", "1")
    assert versions(repository) == ()
    tag_by_hand(repository.root, "beta@1", f"beta@1\n\n{trailers()}")
    assert len(versions(repository)) == 1
    with clone_of(origin, tmp_path) as other:
        first = claim(other, "alpha", 1, facts(other.require_head()), remote="origin")
    sync_versions(repository, "origin")
    assert versions(repository, "alpha") == (first,)


def test_version_made_before_there_was_a_remote(repository: CatalogRepository, origin: Path) -> None:
    version = claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
    assert sync_versions(repository, "origin").unpushed == ("refs/tags/alpha@1",)
    push_version(repository, version, "origin")
    push_version(repository, version, "origin")
    assert git(origin, "rev-parse", "alpha@1") == version.tag


def test_refusal_by_the_remotes_hook(repository: CatalogRepository, origin: Path) -> None:
    hook = origin / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(UserError) as caught:
        claim(repository, "alpha", 1, facts(repository.require_head()), remote="origin")
    assert caught.value.message == (
        "the remote `origin` refuses the tag `alpha@1`: [remote rejected] (pre-receive hook declined)"
    )
    assert versions(repository) == ()


def test_remote_out_of_reach(repository: CatalogRepository) -> None:
    git(repository.root, "remote", "add", "origin", str(repository.root / "nowhere"))
    with pytest.raises(UserError) as caught:
        claim(repository, "alpha", 1, facts(repository.require_head()), remote="origin")
    assert caught.value.message.startswith("the remote `origin` did not answer as it should: '")
    assert caught.value.hint == "check `git ls-remote origin`"
    assert versions(repository) == ()


@pytest.mark.parametrize("remote", ["ext::sh -c true", "--upload-pack=x", "file:///x", "../x"])
def test_addresses_are_no_remotes(repository: CatalogRepository, remote: str) -> None:
    with pytest.raises(UserError, match="a remote is given by its configured name"):
        sync_versions(repository, remote)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@example.com/a/b.git?x=1", "https://example.com/a/b.git"),
        ("ssh://git@example.com:22/a.git", "ssh://example.com:22/a.git"),
        ("git@example.com:a/b.git", "example.com:a/b.git"),
        ("/srv/a.git", None),
        ("file:///srv/a.git", None),
    ],
)
def test_source_url_holds_no_credentials(repository: CatalogRepository, url: str, shown: str | None) -> None:
    assert default_remote(repository) is None
    git(repository.root, "remote", "add", "origin", url)
    assert default_remote(repository) == "origin"
    assert source_url(repository) == shown


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_read_only_repository(root: Path, tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "import git\n"  # before the rights are given up: they may not reach the interpreter's folder
        "from envcatalog.git import claim, versions, objects, tag_write, source\n"
        "from envcatalog.git.repository import CatalogRepository\n"
        "from envcatalog.model.errors import UserError\n"
        "import git.exc, subprocess, tempfile, datetime, random\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "with CatalogRepository.open(Path(sys.argv[1])) as repository:\n"
        "    head = repository.require_head()\n"
        "    print(source.Revision(repository, head).names())\n"
        f"    plan, lock = {digest('a')!r}, {digest('b')!r}\n"
        "    facts = claim.VersionFacts(commit=head, plan=plan, image='', lock=lock, checks='none')\n"
        "    try: claim.claim(repository, 'alpha', 1, facts, remote=None)\n"
        "    except UserError as error: print(error.message)\n"
    )
    for folder in (tmp_path, *list(tmp_path.parents)[:2], Path(os.environ["GIT_CONFIG_GLOBAL"]).parent):
        folder.chmod(0o755)
    variables = {
        **os.environ,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": str(root),
    }
    done = subprocess.run(
        [sys.executable, "-c", script, str(root)], env=variables, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [
        "('alpha', 'beta')",
        f"the repository in `{root}` cannot be written: permission denied",
    ], done.stderr
