"""The image of a version that was registered without one: a second tag, made once, bound to the first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from git_support import digest, facts, git, tag_by_hand

from envcatalog.git.claim import claim, record_image
from envcatalog.git.image_record import IMAGES
from envcatalog.git.remote import sync_versions
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.versions import latest, scan, versions
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.version import Version


@pytest.fixture
def registered(repository: CatalogRepository) -> Version:
    """A version without an image."""
    made = claim(repository, "alpha", 1, facts(repository.require_head(), image="", checks=""), remote=None)
    assert (made.image, made.checks) == ("", "")
    return made


def test_recorded_image_completes_the_version(repository: CatalogRepository, registered: Version) -> None:
    complete = record_image(repository, registered, image=digest("1"), checks="engine", remote=None)
    assert complete == replace(registered, image=digest("1"), checks="engine")
    assert versions(repository) == (complete,) == versions(repository, "alpha")
    assert latest(repository, "alpha") == complete
    assert git(repository.root, "for-each-ref", "--format=%(refname) %(*objectname)", "refs/tags") == (
        f"refs/tags/alpha@1 {registered.commit}\nrefs/tags/images/alpha@1 {registered.tag}"
    )
    assert git(repository.root, "rev-parse", "alpha@1") == registered.tag, "the version's own tag stays"


def test_recording_twice_is_recording_once(repository: CatalogRepository, registered: Version) -> None:
    first = record_image(repository, registered, image=digest("1"), checks="engine", remote=None)
    tags = git(repository.root, "for-each-ref")
    assert record_image(repository, registered, image=digest("1"), checks="none", remote=None) == first
    assert git(repository.root, "for-each-ref") == tags


def test_another_image_is_refused(repository: CatalogRepository, registered: Version) -> None:
    record_image(repository, registered, image=digest("1"), checks="", remote=None)
    with pytest.raises(Refusal) as caught:
        record_image(repository, registered, image=digest("2"), checks="", remote=None)
    assert caught.value.message == (
        f"the image of `alpha@1` is recorded as {digest('1')}, but building gives {digest('2')}"
    )


def test_the_remote_decides_and_other_clones_learn(
    repository: CatalogRepository, registered: Version, origin: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", str(origin), "second")
    record_image(repository, registered, image=digest("1"), checks="none", remote="origin")
    with CatalogRepository.open(tmp_path / "second") as second:
        assert versions(second) == (registered,)
        assert sync_versions(second, "origin", ["alpha"]).fetched == ("refs/tags/images/alpha@1",)
        assert versions(second) == versions(repository)
        assert sync_versions(repository, "origin").unpushed == ()


@pytest.mark.parametrize("image", ["1", "2"], ids=["same", "other"])
def test_two_machines_record_at_once(
    repository: CatalogRepository, registered: Version, origin: Path, tmp_path: Path, image: str
) -> None:
    git(tmp_path, "clone", "-q", str(origin), "second")
    first = record_image(repository, registered, image=digest("1"), checks="none", remote="origin")
    with CatalogRepository.open(tmp_path / "second") as second:
        # The second machine has not looked at the remote since.
        git(tmp_path / "second", "config", "user.name", "Bob")
        if image == "2":
            with pytest.raises(Refusal, match="is recorded as"):
                record_image(second, registered, image=digest(image), checks="", remote="origin")
        else:
            assert record_image(second, registered, image=digest(image), checks="", remote="origin") == first
        assert versions(second) == (first,)


def test_killed_between_push_and_reference(
    repository: CatalogRepository, registered: Version, origin: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(step: str) -> None:
        if step == "pushed":
            raise Killed

    with pytest.raises(Killed):
        record_image(repository, registered, image=digest("1"), checks="", remote="origin", after=kill)
    assert versions(repository) == (registered,)
    assert record_image(
        repository, registered, image=digest("1"), checks="", remote="origin"
    ).image == digest("1")
    assert git(origin, "rev-parse", "images/alpha@1") == git(repository.root, "rev-parse", "images/alpha@1")


FORGED = {
    "lightweight": "is a lightweight tag of a commit",
    "other-version": "was not made for the tag `alpha@1` that is here",
    "other-name": "holds a tag object that was made for `images/alpha@2`",
    "other-plan": "has another plan than `alpha@1`",
    "no-image": "has no trailer `Image`",
    "bad-image": "has a malformed trailer `Image`",
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_records_are_reported_and_never_followed(
    repository: CatalogRepository, registered: Version, case: str
) -> None:
    root = repository.root
    plan, image = ("b" if case == "other-plan" else "a"), digest("1")
    image_line = {"no-image": "", "bad-image": "Image: latest\n"}.get(case, f"Image: {image}\n")
    inner = "images/alpha@2" if case == "other-name" else "images/alpha@1"
    if case == "lightweight":
        git(root, "tag", "images/alpha@1")
    elif case == "other-version":
        tag_by_hand(root, "images/alpha@1", f"x\n\nPlan: {digest('a')}\n{image_line}")
    else:
        data = (
            f"object {registered.tag}\ntype tag\ntag {inner}\ntagger Eve <e@example.com> 1700000000 +0000\n\n"
        )
        data += f"x\n\nPlan: {digest(plan)}\n{image_line}"
        made = git(root, "hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=data)
        git(root, "update-ref", f"{IMAGES}alpha@1", made)
    scanned = scan(repository)
    assert scanned.versions == (registered,)
    assert scanned.suspicious == (Suspicion(where=f"{IMAGES}alpha@1", reason=FORGED[case]),)
    with pytest.raises(UserError) as caught:
        record_image(repository, registered, image=image, checks="", remote=None)
    assert caught.value.message == f"the tag `images/alpha@1` is in the way: it {FORGED[case]}"


def test_a_version_with_an_image_has_no_other(repository: CatalogRepository) -> None:
    made = claim(repository, "alpha", 1, facts(repository.require_head()), remote=None)
    tag_by_hand(repository.root, "images/alpha@1", f"x\n\nPlan: {digest('a')}\nImage: {digest('9')}\n")
    assert versions(repository) == (made,)
    assert made.image == digest("e")
