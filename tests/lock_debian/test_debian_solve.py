"""Debian packages locked from a signed archive, and kept until somebody wants new ones."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from envcatalog.lock.debian.indexes import forget
from envcatalog.lock.debian.policy import BASE_PACKAGES
from envcatalog.lock.debian.solve import lock_debian, lock_interpreters, python_packages
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Bytecode, Deb
from envcatalog.model.seams import Silent
from envcatalog.model.settings import DebianMirror, Settings
from support.debs import DebianArchive

AMD, ARM = "linux/amd64", "linux/arm64"
Locked = dict[str, tuple[Deb, ...]]


class Debian:
    """An archive with the base packages, and the two functions with most arguments filled in."""

    def __init__(self, archive: DebianArchive, cache: Path) -> None:
        self.archive = archive
        self.cache = cache
        mirror = DebianMirror(name="m", url=archive.url, suites=("{suite}", "{suite}-updates"))
        self.settings = Settings(mirrors=(mirror,), keyring=str(archive.keyring))
        for name in BASE_PACKAGES:
            archive.add("bookworm", name)
        self.publish()

    def publish(self) -> None:
        """Sign what the archive lists now, and see it."""
        self.archive.write("bookworm")
        self.archive.write("bookworm-updates")
        forget()

    def lock(
        self, *packages: str, suite: str = "bookworm", platforms: tuple[str, ...] = (AMD,), **more: Any
    ) -> Locked:
        told: dict[str, Any] = {
            "present": {},
            "previous": {},
            "upgrade": False,
            "upgrade_packages": frozenset(),
        }
        return lock_debian(
            suite,
            packages,
            platforms=platforms,
            settings=self.settings,
            cache=self.cache,
            progress=Silent(),
            **(told | more),
        )

    def interpreters(self, version: str = "3.11", **more: Any) -> Bytecode:
        told: dict[str, Any] = {"previous": None, "upgrade": False, "upgrade_packages": frozenset()}
        return lock_interpreters(
            "bookworm", version, settings=self.settings, cache=self.cache, progress=Silent(), **(told | more)
        )

    def add_python(self, version: str, suite: str = "bookworm", **more: Any) -> None:
        for name in ("python3.11-minimal", "libpython3.11-stdlib"):
            for architecture in ("amd64", "arm64"):
                self.archive.add(suite, name, version, architecture=architecture, depends="libc6", **more)


@pytest.fixture
def debian(archive: DebianArchive, tmp_path: Path) -> Debian:
    return Debian(archive, tmp_path / "cache")


def names(debs: tuple[Deb, ...]) -> list[str]:
    return [f"{deb.name}={deb.version}" for deb in debs if deb.name not in BASE_PACKAGES]


def refused(action: Any) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        action()
    return caught.value.message, caught.value.hint


def test_a_base_is_locked_with_its_files(debian: Debian) -> None:
    path = debian.archive.add(
        "bookworm", "libgomp1", "12.2-1", architecture="amd64", depends="libc6, debconf"
    )
    debian.publish()
    found = debian.lock("libgomp1")
    assert [deb.name for deb in found[AMD]] == sorted([*BASE_PACKAGES, "libgomp1"])
    data = path.read_bytes()
    assert found[AMD][-4] == Deb(
        name="libgomp1",
        version="12.2-1",
        architecture="amd64",
        path="pool/main/libg/libgomp1/libgomp1_12.2-1_amd64.deb",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def test_the_same_state_gives_the_same_lock(debian: Debian, tmp_path: Path) -> None:
    first = debian.lock("tzdata", platforms=(AMD, ARM))
    forget()
    debian.cache = tmp_path / "another"
    assert debian.lock("tzdata", "tzdata", platforms=(ARM, AMD)) == first
    assert list(first) == [AMD, ARM]


def test_updates_win_over_the_suite(debian: Debian) -> None:
    debian.archive.add("bookworm", "tool", "1.0-1")
    debian.archive.add("bookworm-updates", "tool", "1.0-1+deb12u1")
    debian.publish()
    assert names(debian.lock("tool")[AMD]) == ["tool=1.0-1+deb12u1"]


def test_a_child_adds_only_what_its_parent_lacks(debian: Debian) -> None:
    parent = debian.lock()
    debian.archive.add("bookworm", "tool", depends="libc6, helper")
    debian.archive.add("bookworm", "helper")
    debian.publish()
    assert [deb.name for deb in debian.lock("tool", "libc6", present=parent)[AMD]] == ["helper", "tool"]
    assert debian.lock(present=parent) == {AMD: ()}


def test_locked_versions_are_kept_until_an_upgrade_is_wanted(debian: Debian) -> None:
    for name in ("one", "two"):
        debian.archive.add("bookworm", name, "1")
    debian.publish()
    previous = debian.lock("one", "two")
    for name in ("one", "two"):
        debian.archive.add("bookworm-updates", name, "2")
    debian.publish()
    assert names(debian.lock("one", "two", previous=previous)[AMD]) == ["one=1", "two=1"]
    some = debian.lock("one", "two", previous=previous, upgrade_packages=frozenset({"two"}))
    assert names(some[AMD]) == ["one=1", "two=2"]
    assert names(debian.lock("one", "two", previous=previous, upgrade=True)[AMD]) == ["one=2", "two=2"]


def test_a_locked_version_that_is_gone_is_named(debian: Debian) -> None:
    for name in ("one", "two", "three"):
        debian.archive.add("bookworm-updates", name, "1")
    debian.publish()
    previous = debian.lock("one", "two", "three")
    debian.archive.clear("bookworm-updates")
    for name, version in (("one", "2"), ("two", "2"), ("three", "1")):
        debian.archive.add("bookworm-updates", name, version)
    debian.publish()
    assert refused(lambda: debian.lock("one", "two", "three", previous=previous)) == (
        "the archives no longer have `one` 1, `two` 1 in `bookworm` for amd64",
        "run `envcat lock --upgrade-package one --upgrade-package two` for the new ones",
    )
    assert names(debian.lock("three", previous=previous)[AMD]) == ["three=1"]
    mended = debian.lock("one", "two", "three", previous=previous, upgrade_packages=frozenset({"one", "two"}))
    assert names(mended[AMD]) == ["one=2", "three=1", "two=2"]


def test_other_bytes_under_a_locked_version_are_not_taken(debian: Debian) -> None:
    debian.archive.add("bookworm-updates", "one", "1")
    debian.publish()
    previous = debian.lock("one")
    debian.archive.clear("bookworm-updates")
    debian.archive.add("bookworm-updates", "one", "1", files={"changed": b"x"})
    debian.publish()
    assert refused(lambda: debian.lock("one", previous=previous))[0] == (
        "the archives no longer have `one` 1 in `bookworm` for amd64"
    )


def test_a_new_platform_agrees_with_the_locked_one(debian: Debian) -> None:
    debian.add_python("3.11.2-6")
    debian.publish()
    previous = debian.lock("python3.11-minimal")
    debian.add_python("3.11.2-7", suite="bookworm-updates")
    debian.publish()
    both = debian.lock("python3.11-minimal", platforms=(AMD, ARM), previous=previous)
    assert {deb.version for debs in both.values() for deb in debs if "python" in deb.name} == {"3.11.2-6"}


def test_interpreters_are_the_images_own(debian: Debian) -> None:
    debian.add_python("3.11.2-6+deb12u9")
    debian.publish()
    image = debian.lock(*python_packages("bookworm", "3.11"), platforms=(AMD, ARM))
    made = debian.interpreters()
    assert made.python == "3.11.2"
    assert [platform for platform, _ in made.interpreters] == [AMD, ARM]
    for platform, debs in made.interpreters:
        assert [deb.name for deb in debs] == ["libc6", "libpython3.11-stdlib", "python3.11-minimal"]
        assert set(debs) <= set(image[platform])
    debian.add_python("3.11.3-1", suite="bookworm-updates")
    debian.publish()
    assert debian.interpreters(previous=made) == made
    assert debian.interpreters(previous=made, upgrade=True).python == "3.11.3"


def test_architectures_that_disagree_are_refused(debian: Debian) -> None:
    debian.add_python("3.11.2-6")
    debian.archive.add("bookworm", "python3.11-minimal", "3.11.3-1", architecture="arm64")
    debian.publish()
    assert refused(debian.interpreters) == (
        "the archives of `bookworm` hold different versions of Python 3.11: "
        "3.11.2 for linux/amd64, 3.11.3 for linux/arm64",
        "the mirror may be changing, try again later",
    )


def test_a_python_that_the_suite_never_had(debian: Debian) -> None:
    debian.add_python("3.11.2-6")
    debian.publish()
    told = ("Debian `bookworm` has no Python 3.12", "it has 3.11; set `python.version`, or use an image base")
    assert refused(lambda: debian.interpreters("3.12")) == told
    assert refused(lambda: debian.lock(*python_packages("bookworm", "3.12"))) == told


def test_scripts_of_new_packages_are_judged(debian: Debian) -> None:
    debian.archive.add(
        "bookworm", "less", scripts={"postinst": "#!/bin/sh\nupdate-alternatives --install a b c 1\n"}
    )
    debian.publish()
    assert refused(lambda: debian.lock("less")) == (
        "the embedded builder runs no maintainer scripts, but these Debian packages need them: "
        "`less` (its postinst sets alternatives with `update-alternatives`)",
        "set `builder: docker`, which runs them, or use an image base that has the packages, `base: {image: ...}`",
    )


def test_unknown_platforms_and_suites(debian: Debian) -> None:
    assert refused(lambda: debian.lock(platforms=("linux/s390x",)))[0] == (
        "there is no Debian base for the platform `linux/s390x`"
    )
    forget()
    for suite, message in (
        ("trixie", "the Debian mirror `m` has no suite `trixie`"),
        ("../bookworm", "`../bookworm` is no name of a Debian suite"),
    ):
        assert refused(lambda suite=suite: debian.lock(suite=suite))[0] == message


def test_where_scripts_run_what_they_call_is_locked(debian: Debian) -> None:
    """The essential packages that the suite has; and no script is judged, since each will run."""
    for name in ("dpkg", "mawk", "perl-base"):
        debian.archive.add("bookworm", name)
    debian.archive.add(
        "bookworm", "tool", depends="debconf", scripts={"postinst": "#!/bin/sh\nmake-something-odd\n"}
    )
    debian.archive.add("bookworm", "debconf")
    debian.publish()
    message, _ = refused(lambda: debian.lock("tool"))
    assert "`tool`" in message
    found = [deb.name for deb in debian.lock("tool", complete=True)[AMD]]
    assert found == sorted({*BASE_PACKAGES, "tool", "debconf", "dpkg", "mawk", "perl-base"})
    parent = debian.lock()
    added = [deb.name for deb in debian.lock("tool", complete=True, present=parent)[AMD]]
    assert added == ["debconf", "dpkg", "mawk", "perl-base", "tool"]
