"""The locale that `LANG` names on a Debian base: locked with the base, and added to an older lock by its name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envcatalog.image.plan import plan_image
from envcatalog.lock.debian.indexes import forget
from envcatalog.lock.debian.policy import BASE_PACKAGES
from envcatalog.lock.file import dump_lock, load_lock, lock_digest
from envcatalog.lock.resolve import Parent, lock_environment
from envcatalog.lock.work import Work
from envcatalog.model.environment import DebianBase, Environment, EnvironmentBase, Python, R, Spark
from envcatalog.model.lock import Lock
from envcatalog.model.seams import Silent
from envcatalog.model.settings import DebianMirror, Settings
from support.debs import DebianArchive

AMD = "linux/amd64"
LOCALE = "libc-bin"
PYTHON = ("libpython3.11-stdlib", "python3.11-minimal")
PLAN = "sha256:" + "e" * 64
LAB = Environment(name="lab", base=DebianBase(suite="bookworm"), python=Python(version="3.11", packages=()))
PLAIN = replace(LAB, python=None)


class NoImages:
    """There is no base image in these."""

    def resolve(self, reference: str) -> Any:
        raise AssertionError(reference)


class Debian:
    """An archive with the base and a Python, and environments that are locked from it."""

    def __init__(self, archive: DebianArchive, cache: Path) -> None:
        self.archive = archive
        for name in (*BASE_PACKAGES, "libgomp1"):
            archive.add("bookworm", name)
        for name in PYTHON:
            archive.add("bookworm", name, "3.11.2-6")
        self.publish()
        mirror = DebianMirror(name="m", url=archive.url, suites=("{suite}",))
        self.settings = Settings(mirrors=(mirror,), keyring=str(archive.keyring))
        self.cache = cache

    def publish(self) -> None:
        self.archive.write("bookworm")
        forget()

    def lock(self, environment: Environment, previous: Lock | None = None, *upgraded: str) -> Lock:
        return lock_environment(
            environment,
            settings=self.settings,
            parent=None,
            previous=previous,
            upgrade=False,
            upgrade_packages=frozenset(upgraded),
            images=NoImages(),
            cache=self.cache,
            progress=Silent(),
        )

    def work(self, environment: Environment, base: Lock) -> Work:
        """What is to be locked of an environment on `PLAIN`."""
        return Work(
            environment=environment,
            settings=self.settings,
            parent=Parent.of(environments=(PLAIN,), locks=(base,), plan_digest=PLAN),
            previous=None,
            upgrade=False,
            upgrade_packages=frozenset(),
            cache=self.cache,
            progress=Silent(),
        )


@pytest.fixture
def debian(archive: DebianArchive, tmp_path: Path) -> Debian:
    return Debian(archive, tmp_path / "cache")


def names(lock: Lock) -> list[str]:
    return [deb.name for deb in lock.platform(AMD).debs]


def without_locale(lock: Lock) -> Lock:
    """As it was locked before Debian bases had the package."""
    (platform,) = lock.platforms
    rest = tuple(deb for deb in platform.debs if deb.name != LOCALE)
    assert len(rest) == len(platform.debs) - 1
    return replace(lock, platforms=(replace(platform, debs=rest),))


@pytest.mark.parametrize("environment", [LAB, PLAIN])
def test_every_debian_base_has_it(debian: Debian, environment: Environment) -> None:
    assert LOCALE in names(debian.lock(environment))


def test_the_compiling_interpreter_does_without(debian: Debian) -> None:
    bytecode = debian.lock(LAB).bytecode
    assert bytecode is not None
    assert [deb.name for deb in dict(bytecode.interpreters)[AMD]] == list(PYTHON)


def test_an_older_lock_stays_as_it_is_and_asks_no_archive(debian: Debian) -> None:
    new = debian.lock(LAB)
    old = without_locale(new)
    shutil.rmtree(debian.archive.root)
    forget()
    changed = replace(LAB, variables=(("A", "1"),))
    assert dump_lock(debian.lock(LAB, old)) == dump_lock(old)
    assert debian.lock(changed, old).platforms == old.platforms
    assert load_lock(dump_lock(old), "catalog/lab/lock.json") == old
    titles = [
        [layer.title for layer in plan_image(LAB, lock, lock_digest=lock_digest(lock), parent=None, budget=40)
         .platforms[0].layers] for lock in (old, new)
    ]  # fmt: skip
    assert titles[0] == [title for title in titles[1] if LOCALE not in title]
    assert titles[0] != titles[1]


def test_an_older_lock_gains_it_and_nothing_else_by_its_name(debian: Debian) -> None:
    new = debian.lock(LAB)
    for name in (*BASE_PACKAGES, *PYTHON):
        debian.archive.add("bookworm", name, "4.0-1")
    debian.publish()
    found = debian.lock(LAB, without_locale(new), LOCALE)
    assert [deb for deb in found.platform(AMD).debs if deb.name != LOCALE] == [
        deb for deb in new.platform(AMD).debs if deb.name != LOCALE
    ]
    assert [deb.version for deb in found.platform(AMD).debs if deb.name == LOCALE] == ["4.0-1"]
    assert (found.bytecode, found.inputs) == (new.bytecode, new.inputs)


def test_an_older_lock_gains_it_when_its_debian_packages_change(debian: Debian) -> None:
    changed = replace(LAB, apt=("libgomp1",))
    assert debian.lock(changed, without_locale(debian.lock(LAB))) == debian.lock(changed)


@pytest.mark.parametrize(
    "child",
    [
        Environment(name="etl", base=EnvironmentBase(environment="lab"), spark=Spark(version="3.5")),
        Environment(name="stats", base=EnvironmentBase(environment="lab"), r=R(packages=())),
    ],
    ids=["spark", "r"],
)
def test_java_and_r_bring_it_to_a_base_that_was_locked_before(debian: Debian, child: Environment) -> None:
    base = debian.lock(PLAIN)
    assert LOCALE in debian.work(child, without_locale(base)).deb_names()
    assert LOCALE not in debian.work(child, base).deb_names()
