"""Version tags: read, forged, and written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from git_support import digest, facts, git, make_catalog, tag_by_hand, trailers

from envcatalog.git.claim import VersionTaken, claim, claim_next
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.tag_object import format_message
from envcatalog.git.versions import latest, latest_of_each, scan, versions
from envcatalog.model.errors import UserError
from envcatalog.model.version import Version


def test_claimed_version_reads_back(repository: CatalogRepository) -> None:
    head = repository.require_head()
    made = claim(repository, "alpha", 1, facts(head, message="First one\n\nWith care."), remote=None)
    assert made == Version(
        name="alpha",
        number=1,
        commit=head,
        date="2026-01-02T03:04:05+00:00",
        author="Ada Example <ada@example.com>",
        message="First one",
        plan=digest("a"),
        image=digest("e"),
        lock=digest("f"),
        checks="none",
        tag=git(repository.root, "rev-parse", "refs/tags/alpha@1"),
    )
    assert versions(repository) == versions(repository, "alpha") == (made,)
    assert git(repository.root, "cat-file", "tag", "alpha@1").split("\n\n", 1)[1] == (
        f"alpha@1\n\nFirst one\n\nWith care.\n\n{trailers().rstrip()}"
    )
    git(repository.root, "fsck", "--strict")
    assert list((repository.root / ".git").glob("envcat-*")) == []


def test_numbers_are_ordered_as_numbers(repository: CatalogRepository) -> None:
    for number in range(1, 12):
        tag_by_hand(repository.root, f"alpha@{number}", f"alpha@{number}\n\n{trailers('abcdef'[number % 6])}")
    tag_by_hand(repository.root, "alpha-b@3", f"alpha-b@3\n\n{trailers()}")
    git(repository.root, "pack-refs", "--all")
    assert [version.number for version in versions(repository, "alpha")] == list(range(1, 12))
    assert [version.reference for version in versions(repository)][-1] == "alpha-b@3"
    found = latest(repository, "alpha")
    assert found is not None and found.number == 11
    assert {name: version.number for name, version in latest_of_each(repository).items()} == {
        "alpha": 11,
        "alpha-b": 3,
    }
    assert latest(repository, "beta") is None
    assert versions(repository, "--output=x") == ()


FORGED = {
    "no-trailers": ("alpha@2", "text\n", "does not end with the trailers of a version"),
    "empty": ("alpha@2", "", "does not end with the trailers of a version"),
    "no-plan": ("alpha@2", f"x\n\nLock: {digest('f')}\n", "has no trailer `Plan`"),
    "no-lock": ("alpha@2", f"x\n\nPlan: {digest('f')}\n", "has no trailer `Lock`"),
    "short-digest": (
        "alpha@2",
        f"x\n\nPlan: sha256:abc\nLock: {digest('f')}\n",
        "has a malformed trailer `Plan`",
    ),
    "odd-checks": ("alpha@2", f"x\n\n{trailers()[:-5]}yes\n", "has a malformed trailer `Checks`"),
    "twice": ("alpha@2", f"x\n\n{trailers()}Plan: {digest('b')}\n", "has the trailer `Plan` twice"),
    "not-last": ("alpha@2", f"x\n\n{trailers()}\nmore text\n", "does not end with the trailers of a version"),
    "zero": ("alpha@0", f"x\n\n{trailers()}", "is not a valid name and number"),
    "leading-zero": ("alpha@02", f"x\n\n{trailers()}", "is not a valid name and number"),
    "too-long": ("alpha@1000000000", f"x\n\n{trailers()}", "is not a valid name and number"),
    "other-digits": ("alpha@٢", f"x\n\n{trailers()}", "is not a valid name and number"),
    "sign": ("alpha@+2", f"x\n\n{trailers()}", "is not a valid name and number"),
    "upper-case": ("Alpha@2", f"x\n\n{trailers()}", "is not a valid name and number"),
    "script": ('"><script>@2', f"x\n\n{trailers()}", "is not a valid name and number"),
    "option": ("--output=x@2", f"x\n\n{trailers()}", "is not a valid name and number"),
    "shell": ("$(id)@2", f"x\n\n{trailers()}", "is not a valid name and number"),
    "not-utf8": ("\udcff@2", f"x\n\n{trailers()}", "is not a valid name and number"),
    "long-name": ("a" * 70 + "@2", f"x\n\n{trailers()}", "is not a valid name and number"),
    "large": ("alpha@2", "x" * 70000 + f"\n\n{trailers()}", "is larger than 64 KiB"),
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_tags_are_reported_and_never_used(repository: CatalogRepository, case: str) -> None:
    name, message, reason = FORGED[case]
    good = claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
    tag_by_hand(repository.root, name, message)
    scanned = scan(repository)
    assert scanned.versions == (good,)
    assert scanned.suspicious == (Suspicion(where=f"refs/tags/{name}", reason=reason),)
    assert latest(repository, "alpha") == good


def test_tag_object_under_another_name(repository: CatalogRepository) -> None:
    tag_by_hand(repository.root, "alpha@7", f"x\n\n{trailers()}", inner="alpha@1")
    (found,) = scan(repository).suspicious
    assert (found.where, found.reason) == (
        "refs/tags/alpha@7",
        "holds a tag object that was made for `alpha@1`",
    )


def test_lightweight_tags_and_tags_of_other_things(repository: CatalogRepository) -> None:
    root = repository.root
    git(root, "tag", "alpha@1")
    git(root, "tag", "alpha@2", "HEAD:catalog/alpha/lock.json")
    git(root, "tag", "-a", "alpha@3", "-m", f"x\n\n{trailers()}", "HEAD^{tree}")
    scanned = scan(repository)
    assert scanned.versions == ()
    assert [item.reason for item in scanned.suspicious] == [
        "is a lightweight tag of a commit",
        "is a lightweight tag of a blob",
        "is a tag of a tree, not of a commit",
    ]


def test_tag_whose_object_is_gone(repository: CatalogRepository) -> None:
    good = claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
    tag_by_hand(repository.root, "alpha@2", f"x\n\n{trailers()}")
    gone = git(repository.root, "rev-parse", "alpha@2")
    (repository.root / f".git/objects/{gone[:2]}/{gone[2:]}").unlink()
    scanned = scan(repository)
    assert scanned.versions == (good,)
    assert [item.reason for item in scanned.suspicious] == ["names an object that is missing"]


def test_trailers_behind_a_signature_count_for_nothing(repository: CatalogRepository) -> None:
    signature = "-----BEGIN SSH SIGNATURE-----\nabc\n-----END SSH SIGNATURE-----\n"
    tag_by_hand(repository.root, "alpha@1", f"alpha@1\n\n{trailers('a')}{signature}\n\n{trailers('b')}")
    (found,) = versions(repository)
    assert found.plan == digest("a")


def test_nul_in_a_message_hides_nothing(repository: CatalogRepository) -> None:
    tag_by_hand(repository.root, "alpha@1", f"alpha@1\n\n{trailers('a')}\0\n\n{trailers('b')}")
    (found,) = versions(repository)
    assert found.plan == digest("b")


def test_other_tags_are_nobodys_business(repository: CatalogRepository) -> None:
    for name in ("v1", "release@home", "pkg@1.2.3", "scope/pkg@1"):
        git(repository.root, "tag", name)
    scanned = scan(repository)
    assert scanned.versions == scanned.suspicious == ()


def test_user_text_cannot_pose_as_trailers_or_signature(repository: CatalogRepository) -> None:
    forged = "-----BEGIN SSH SIGNATURE----------BEGIN PGP SIGNATURE-----"
    text = f"{trailers('b')}\n{forged}\n\0-----BEGIN PGP MESSAGE-----\n# not a comment\0\n\udcff"
    made = claim(repository, "alpha", 1, facts(repository.require_head(), message=text), remote=None)
    assert made.plan == digest("a")
    assert versions(repository) == (made,)
    assert "# not a comment" in git(repository.root, "cat-file", "tag", "alpha@1")


def test_malformed_facts_are_a_bug() -> None:
    with pytest.raises(ValueError, match="has a malformed trailer `Plan`"):
        format_message("alpha@1", "", {"Plan": "x\nImage: y"})


def test_number_that_is_taken(repository: CatalogRepository) -> None:
    head = repository.require_head()
    first = claim(repository, "alpha", 1, facts(head, "a"), remote=None)
    with pytest.raises(VersionTaken) as caught:
        claim(repository, "alpha", 1, facts(head, "b"), remote=None)
    assert caught.value.existing == first
    assert caught.value.message == "version `alpha@1` exists already"


def test_number_whose_place_a_forged_tag_has(repository: CatalogRepository) -> None:
    git(repository.root, "tag", "alpha@1")
    with pytest.raises(UserError) as caught:
        claim_next(repository, "alpha", facts(repository.require_head()), remote=None)
    assert caught.value.message == "the tag `alpha@1` is in the way: it is a lightweight tag of a commit"
    assert caught.value.hint == "look at `git show alpha@1`, then delete it"


def test_same_plan_is_one_version(repository: CatalogRepository) -> None:
    head = repository.require_head()
    first = claim_next(repository, "alpha", facts(head, "a"), remote=None)
    second = claim_next(repository, "alpha", facts(head, "b"), remote=None)
    assert (first.number, second.number) == (1, 2)
    assert claim_next(repository, "alpha", facts(head, "a", message="again"), remote=None) == first
    assert len(versions(repository)) == 2


def test_sha256_repository_and_linked_work_tree(tmp_path: Path) -> None:
    root = tmp_path / 'odd "name"\\'
    make_catalog(root, object_format="sha256")
    git(root, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    with CatalogRepository.open(tmp_path / "linked") as repository:
        made = claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
        assert len(made.tag) == 64
    with CatalogRepository.open(root) as repository:
        assert versions(repository) == (made,)


def test_detached_head_and_shallow_clone(root: Path, tmp_path: Path) -> None:
    git(root, "commit", "-q", "--allow-empty", "-m", "More")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{root}", "shallow")
    git(tmp_path / "shallow", "checkout", "-q", "--detach")
    with CatalogRepository.open(tmp_path / "shallow") as repository:
        made = claim(repository, "alpha", 1, facts(repository.require_head()), remote="origin")
        assert versions(repository) == (made,)
    assert git(root, "rev-parse", "alpha@1") == made.tag


def test_nobody_to_name(
    repository: CatalogRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "empty"
    config.write_text("[user]\n\tuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    with pytest.raises(UserError) as caught:
        claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
    assert (
        caught.value.message == "Git does not know who you are, so a version cannot be signed with your name"
    )
    assert git(repository.root, "tag") == ""


def test_a_name_that_is_none(repository: CatalogRepository) -> None:
    git(repository.root, "config", "user.name", "...")
    with pytest.raises(UserError) as caught:
        claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
    assert (
        caught.value.message == "Git does not know who you are, so a version cannot be signed with your name"
    )


def test_a_setting_to_sign_that_cannot_be_read_leaves_no_tag_unsigned(repository: CatalogRepository) -> None:
    git(repository.root, "config", "tag.gpgSign", "ture")
    with pytest.raises(UserError) as caught:
        claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
    assert caught.value.message == "`git config` failed: bad boolean config value 'ture' for 'tag.gpgsign'"
    assert git(repository.root, "for-each-ref", "refs/tags") == ""


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_signed_where_git_is_told_to_sign(repository: CatalogRepository, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"ada@example.com {key.with_suffix('.pub').read_text()}")
    root = repository.root
    # In the repository's own settings, which the scratch folder must honour.
    settings = {"tag.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": str(key)}
    for name, value in {**settings, "gpg.ssh.allowedSignersFile": str(allowed)}.items():
        git(root, "config", name, value)
    made = claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
    git(root, "verify-tag", "alpha@1")
    assert versions(repository) == (made,)
    git(root, "config", "user.signingKey", str(tmp_path / "no-such-key"))
    with pytest.raises(UserError, match="the version's tag could not be signed"):
        claim(repository, "alpha", 2, facts(repository.require_head(), "b"), remote=None)
    assert git(root, "tag") == "alpha@1"
