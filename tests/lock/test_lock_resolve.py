"""Whole environments: which part is solved again, and which is taken over without asking anyone."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from envcatalog.definition.canonical import definition_digest
from envcatalog.lock.debian import solve
from envcatalog.lock.file import dump_lock, load_lock
from envcatalog.lock.resolve import Parent, lock_environment
from envcatalog.model.environment import DebianBase, Environment, EnvironmentBase, ImageBase, Python
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Bytecode, Deb, Lock, LockedEnvironment, LockedImage
from envcatalog.model.seams import Silent
from envcatalog.model.settings import PackageIndex, Settings
from support.wheelhouse import ARM, Server

AMD64, ARM64 = "linux/amd64", "linux/arm64"
BOTH = (AMD64, ARM64)
PLAN = "sha256:" + "e" * 64


@dataclass(frozen=True)
class Found:
    digest: str
    manifests: tuple[tuple[str, str], ...]


@dataclass
class Images:
    """A registry whose tag can be moved."""

    digit: str = "1"
    platforms: tuple[str, ...] = BOTH
    asked: list[str] = field(default_factory=list)

    def resolve(self, reference: str) -> Found:
        self.asked.append(reference)
        digest = "sha256:" + self.digit * 64
        return Found(digest=digest, manifests=tuple((platform, digest) for platform in self.platforms))


def deb(name: str, version: str) -> Deb:
    path = f"pool/main/{name}_{version}_all.deb"
    return Deb(name=name, version=version, architecture="all", path=path, size=1, sha256="d" * 64)


class Archive:
    """A Debian archive in place of the solver: every package is there in the newest version."""

    def __init__(self) -> None:
        self.newest = "1"
        self.calls: list[tuple[str, ...]] = []

    def lock_debian(self, suite: str, packages: Any, *, platforms: Any, present: Any, **_: Any) -> Any:
        self.calls.append((suite, *packages, *platforms))
        return {platform: tuple(deb(name, self.newest) for name in sorted({"libc6", *packages}))
                for platform in platforms}  # fmt: skip

    def lock_interpreters(self, suite: str, python_version: str, **_: Any) -> Bytecode:
        self.calls.append((suite, f"python{python_version}"))
        interpreter = (deb("python3.11-minimal", self.newest),)
        return Bytecode(python="3.11.2", interpreters=tuple((platform, interpreter) for platform in BOTH))


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    made = Archive()
    monkeypatch.setattr(solve, "lock_debian", made.lock_debian)
    monkeypatch.setattr(solve, "lock_interpreters", made.lock_interpreters)
    return made


class Room:
    """Locks environments with one index, one archive, one registry and one cache."""

    def __init__(self, index: Server, archive: Archive, cache: Path) -> None:
        self.index, self.archive, self.cache, self.images = index, archive, cache, Images()
        self.settings = Settings()

    def lock(self, environment: Environment, previous: Lock | None = None, parent: Parent | None = None, *,
             upgrade: bool = False, packages: frozenset[str] = frozenset()) -> Lock:  # fmt: skip
        lock = lock_environment(
            environment,
            settings=self.settings,
            parent=parent,
            previous=previous,
            upgrade=upgrade,
            upgrade_packages=packages,
            images=self.images,
            cache=self.cache,
            progress=Silent(),
        )
        assert load_lock(dump_lock(lock), "catalog/x/lock.json") == lock
        return lock

    def asked(self) -> list[str]:
        """Who was asked since the last call: ``index``, ``archive``, ``images``."""
        found = [name for name, asked in (("index", self.index.requests), ("archive", self.archive.calls),
                                          ("images", self.images.asked)) if asked]  # fmt: skip
        self.index.requests.clear()
        self.archive.calls.clear()
        self.images.asked.clear()
        return found


@pytest.fixture
def room(only_index: Server, archive: Archive, cache: Path) -> Room:
    for version in ("1", "2"):
        only_index.add("lib", version)
        only_index.add("six", version)
    return Room(only_index, archive, cache)


DEBIAN = Environment(
    name="lab",
    base=DebianBase(suite="bookworm"),
    apt=("libgomp1",),
    python=Python(version="3.11", packages=("lib<2",)),
)
IMAGE = dataclasses.replace(DEBIAN, base=ImageBase(image="python:3.11"), apt=())


def packages(*requirements: str, of: Environment = DEBIAN) -> Environment:
    return dataclasses.replace(of, python=Python(version="3.11", packages=requirements))


def wheels(lock: Lock, platform: str = AMD64) -> list[str]:
    return [f"{wheel.name}=={wheel.version}" for wheel in lock.platform(platform).wheels]


def test_a_debian_environment_has_packages_interpreter_and_wheels(room: Room) -> None:
    lock = room.lock(DEBIAN)
    assert lock.definition == definition_digest(DEBIAN)
    assert lock.base is None
    assert lock.bytecode is not None and lock.bytecode.python == "3.11.2"
    assert [item.name for item in lock.platform(AMD64).debs] == [
        "libc6",
        "libgomp1",
        "libpython3.11-stdlib",
        "python3.11-minimal",
    ]
    assert wheels(lock) == ["lib==1"]
    assert [part for part, _ in lock.inputs] == ["bytecode", "debs", "wheels"]


def test_the_same_again_asks_nobody_and_gives_the_same_bytes(room: Room) -> None:
    first = room.lock(DEBIAN)
    room.archive.newest = "2"
    assert room.asked() == ["index", "archive"]
    assert dump_lock(room.lock(DEBIAN, first)) == dump_lock(first)
    assert room.asked() == []


def test_what_no_part_is_solved_from_asks_nobody(room: Room) -> None:
    first = room.lock(DEBIAN)
    room.asked()
    changed = dataclasses.replace(DEBIAN, variables=(("A", "1"),))
    lock = room.lock(changed, first)
    assert room.asked() == []
    assert lock == dataclasses.replace(first, definition=definition_digest(changed))


def test_an_edit_of_a_python_package_needs_no_debian_mirror(room: Room) -> None:
    first = room.lock(DEBIAN)
    room.archive.newest = "2"
    room.asked()
    lock = room.lock(packages("lib<2", "six"), first)
    assert room.asked() == ["index"]
    assert wheels(lock) == ["lib==1", "six==2"]
    assert lock.platform(AMD64).debs == first.platform(AMD64).debs


def test_an_edit_of_a_debian_package_needs_no_index(room: Room) -> None:
    first = room.lock(DEBIAN)
    room.asked()
    lock = room.lock(dataclasses.replace(DEBIAN, apt=()), first)
    assert room.asked() == ["archive"]
    assert "libgomp1" not in [item.name for item in lock.platform(AMD64).debs]
    assert lock.platform(AMD64).wheels == first.platform(AMD64).wheels
    assert lock.bytecode == first.bytecode


def test_a_new_platform_alone_is_solved(room: Room) -> None:
    first = room.lock(packages("lib"), room.lock(DEBIAN))
    room.asked()
    room.index.add("lib", "3", tag=ARM)
    lock = room.lock(dataclasses.replace(packages("lib"), platforms=BOTH), first)
    assert [item.platform for item in lock.platforms] == list(BOTH)
    assert lock.platform(AMD64) == first.platform(AMD64)
    assert wheels(lock, ARM64) == ["lib==1"]


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("lib", ["index"], ["lib==2", "six==1"]),
        ("SIX", ["index"], ["lib==1", "six==2"]),
        ("libgomp1", ["archive"], ["lib==1", "six==1"]),
        ("unknown", [], ["lib==1", "six==1"]),
    ],
)
def test_one_package_can_be_upgraded(room: Room, name: str, asked: list[str], found: list[str]) -> None:
    first = room.lock(packages("lib<2", "six<2"))
    loose = packages("lib", "six")
    second = room.lock(loose, first)
    assert wheels(second) == ["lib==1", "six==1"]
    room.asked()
    third = room.lock(loose, second, packages=frozenset({name}))
    assert room.asked() == asked
    assert wheels(third) == found


def test_upgrade_takes_the_newest_of_everything(room: Room) -> None:
    environment = dataclasses.replace(packages("lib", of=IMAGE))
    first = room.lock(environment, room.lock(packages("lib<2", of=IMAGE)))
    room.images.digit = "2"
    kept, upgraded = room.lock(environment, first), room.lock(environment, first, upgrade=True)
    assert kept == first
    assert wheels(upgraded) == ["lib==2"]
    assert upgraded.base == LockedImage(
        image="python:3.11", digest="sha256:" + "2" * 64, manifests=((AMD64, "sha256:" + "2" * 64),)
    )


def test_indexes_that_change_hands_solve_the_wheels_again(room: Room) -> None:
    first = room.lock(DEBIAN)
    room.index.add("lib", "1.5", index="acme")
    room.asked()
    room.settings = Settings(
        indexes=(PackageIndex(name="acme", url=room.index.index("acme"), packages=("lib",)),)
    )
    lock = room.lock(DEBIAN, first)
    assert room.asked() == ["index"]
    assert [(wheel.version, wheel.index) for wheel in lock.platform(AMD64).wheels] == [("1.5", "acme")]


def test_an_image_without_the_platform_is_refused(room: Room) -> None:
    room.images.platforms = (AMD64,)
    with pytest.raises(Refusal) as caught:
        room.lock(dataclasses.replace(IMAGE, platforms=BOTH))
    assert caught.value.message == "the base image `python:3.11` has no platform `linux/arm64`"
    assert caught.value.hint == "it has `linux/amd64`"


def test_an_image_needs_an_interpreter_of_this_machine(room: Room) -> None:
    with pytest.raises(Refusal) as caught:
        room.lock(dataclasses.replace(IMAGE, python=Python(version="3.99")))
    assert caught.value.message == "this machine has no Python 3.99 to compile byte code with"
    assert caught.value.hint == (
        "run `uv python install 3.99`, or install it as your system does, and lock again"
    )


def test_debian_packages_need_a_debian_base(room: Room) -> None:
    with pytest.raises(Refusal) as caught:
        room.lock(dataclasses.replace(IMAGE, apt=("libgomp1",)))
    assert caught.value.message == "`lab` asks for Debian packages but has no Debian base"


def test_an_environment_without_python_has_debian_packages_alone(room: Room) -> None:
    lock = room.lock(dataclasses.replace(DEBIAN, python=None))
    assert lock.bytecode is None
    assert [item.name for item in lock.platform(AMD64).debs] == ["libc6", "libgomp1"]
    assert [part for part, _ in lock.inputs] == ["debs"]


def child(
    *requirements: str, apt: tuple[str, ...] = (), platforms: tuple[str, ...] = (AMD64,)
) -> Environment:
    return Environment(
        name="child",
        base=EnvironmentBase(environment="lab"),
        apt=apt,
        python=Python(version="3.11", packages=requirements),
        platforms=platforms,
    )


def test_a_child_adds_to_its_parent_and_repeats_nothing(room: Room) -> None:
    parent_lock = room.lock(DEBIAN)
    parent = Parent.of(environments=(DEBIAN,), locks=(parent_lock,), plan_digest=PLAN)
    room.asked()
    lock = room.lock(child("lib", "six"), parent=parent)
    assert room.asked() == ["index"]
    assert lock.base == LockedEnvironment(environment="lab", plan=PLAN)
    assert lock.bytecode is None
    assert lock.platform(AMD64).debs == ()
    assert wheels(lock) == ["six==2"]
    again = dataclasses.replace(parent, plan_digest="sha256:" + "f" * 64)
    moved = room.lock(child("lib", "six"), lock, again)
    assert moved == dataclasses.replace(
        lock, base=LockedEnvironment(environment="lab", plan=again.plan_digest)
    )


def test_a_child_may_add_debian_packages(room: Room) -> None:
    parent = Parent.of(environments=(DEBIAN,), locks=(room.lock(DEBIAN),), plan_digest=PLAN)
    room.asked()
    room.lock(child(apt=("libgomp1", "libxml2")), parent=parent)
    assert room.archive.calls == [("bookworm", "libxml2", AMD64)]


def test_a_grandchild_knows_the_whole_chain(room: Room) -> None:
    lock = room.lock(DEBIAN)
    parent = Parent.of(environments=(DEBIAN,), locks=(lock,), plan_digest=PLAN)
    middle = child("six<2")
    middle_lock = room.lock(middle, parent=parent)
    whole = Parent.of(environments=(DEBIAN, middle), locks=(lock, middle_lock), plan_digest=PLAN)
    assert (whole.environment, whole.suite, whole.bytecode) == ("child", "bookworm", lock.bytecode)
    leaf = dataclasses.replace(child("lib", "six"), name="leaf", base=EnvironmentBase(environment="child"))
    assert wheels(room.lock(leaf, parent=whole)) == []


def test_a_child_cannot_have_a_platform_that_its_parent_lacks(room: Room) -> None:
    parent = Parent.of(environments=(DEBIAN,), locks=(room.lock(DEBIAN),), plan_digest=PLAN)
    with pytest.raises(Refusal) as caught:
        room.lock(child("six", platforms=BOTH), parent=parent)
    assert caught.value.message == "the base environment `lab` has no platform `linux/arm64`"


@pytest.mark.network
def test_a_real_debian_environment(cache: Path) -> None:
    environment = packages("six", of=dataclasses.replace(DEBIAN, platforms=BOTH))
    arguments: dict[str, Any] = {
        "settings": Settings(), "parent": None, "upgrade": False, "upgrade_packages": frozenset(),
        "images": Images(), "cache": cache, "progress": Silent(),
    }  # fmt: skip
    lock = lock_environment(environment, previous=None, **arguments)
    assert lock.bytecode is not None and lock.bytecode.python.startswith("3.11.")
    for platform in BOTH:
        assert {"libc6", "libgomp1", "python3.11-minimal"} <= {
            item.name for item in lock.platform(platform).debs
        }
        assert wheels(lock, platform)[0].startswith("six==")
    assert lock_environment(environment, previous=lock, **arguments) == lock
