"""Whole environments: Python from conda, bases, and what is asked again."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from conda_lock_support import AMD64, ARM64, Locking, as_parent, names, versions

from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Bytecode
from support.conda_records import RecordChannel

SUBDIRS = ("linux-64", "linux-aarch64")


@pytest.fixture
def lock(own: RecordChannel, cache: Path) -> Locking:
    """A channel with Python for both platforms."""
    own.add("openssl", "3.0", subdirs=SUBDIRS)
    own.add("zlib", "1.3", subdirs=SUBDIRS)
    own.add("other-library", "1.0", subdirs=SUBDIRS)
    for version in ("3.11.7", "3.12.1"):
        own.add(
            "python",
            version,
            "h0_cpython",
            depends=("openssl >=3", "zlib", "__glibc >=2.17"),
            subdirs=SUBDIRS,
        )
    own.add("greeting", "1.0", depends=("python >=3.8", "other-library"))
    return Locking(cache, {"own": own.url})


def test_the_interpreter_is_conda_s(lock: Locking) -> None:
    found = lock("greeting", python="3.11", platforms=(AMD64, ARM64))
    expected = {
        "greeting": "1.0", "openssl": "3.0", "other-library": "1.0", "python": "3.11.7", "zlib": "1.3"
    }  # fmt: skip
    assert versions(found) == versions(found, ARM64) == expected
    assert found.bytecode is not None
    assert found.bytecode.python == "3.11.7"
    assert [(platform, names(packages)) for platform, packages in found.bytecode.interpreters] == [
        (AMD64, ["openssl", "python", "zlib"]),
        (ARM64, ["openssl", "python", "zlib"]),
    ]
    assert {package.subdir for package in found.bytecode.interpreters[1][1]} == {"linux-aarch64"}


def test_conda_may_bring_python_unasked(lock: Locking) -> None:
    found = lock("greeting")
    assert found.bytecode is not None
    assert found.bytecode.python == "3.12.1"
    assert lock("zlib").bytecode is None


def test_the_platforms_have_one_python(lock: Locking, own: RecordChannel) -> None:
    own.add("python", "3.11.9", "h0_cpython", subdirs=("linux-aarch64",))
    found = lock("python 3.11.*", platforms=(AMD64, ARM64))
    assert versions(found, AMD64)["python"] == versions(found, ARM64)["python"] == "3.11.7"
    # Also where the first platform has a newer one.
    own.add("python", "3.11.9", "h1_cpython", subdirs=("linux-64",))
    own.remove("python-3.11.9-h0_cpython.conda")
    found = lock("python 3.11.*", platforms=(AMD64, ARM64))
    assert versions(found, AMD64)["python"] == versions(found, ARM64)["python"] == "3.11.7"
    own.add("python", "3.10.1", "h0_cpython", subdirs=("linux-64",))
    own.add("python", "3.10.2", "h0_cpython", subdirs=("linux-aarch64",))
    with pytest.raises(Refusal) as refusal:
        lock("python 3.10.*", platforms=(AMD64, ARM64))
    assert refusal.value.message == (
        "no version of Python fits all platforms: 3.10.1 is for linux/amd64, and 3.10.2 for linux/arm64"
    )


@pytest.mark.parametrize(
    ("version", "build"), [("7.3.17", "0_pypy"), ("3.11", "h0_cpython"), ("3.9.1", "1_pypy39")]
)
def test_only_cpython_compiles(lock: Locking, own: RecordChannel, version: str, build: str) -> None:
    own.add("python", version, build, subdirs=("linux-64",))
    with pytest.raises(Refusal) as refusal:
        lock(f"python=={version}={build}")
    assert refusal.value.message == (
        f"`python-{version}-{build}.conda` is no CPython, which alone compiles byte code"
    )


def test_nothing_is_asked_again_without_need(lock: Locking, own: RecordChannel) -> None:
    first = lock("greeting", platforms=(AMD64,))
    own.add("greeting", "2.0", depends=("python >=3.8",))
    other_channel = own.folder.with_name("moved")
    shutil.move(own.folder, other_channel)
    lock.steps.clear()
    assert lock("greeting", platforms=(AMD64,), previous=first) == first
    assert lock.steps == []
    shutil.move(other_channel, own.folder)
    more = lock("greeting", "zlib", previous=first)
    assert versions(more) == versions(first)
    assert lock.steps == ["resolving conda packages for linux/amd64"]
    # A new platform leaves the other as it was.
    both = lock("greeting", platforms=(AMD64, ARM64), previous=first)
    assert both.platform(AMD64) == first.platform(AMD64)
    assert versions(both, ARM64) == {"greeting": "2.0", "openssl": "3.0", "python": "3.12.1", "zlib": "1.3"}


def test_what_is_to_be_upgraded_is(lock: Locking, own: RecordChannel) -> None:
    first = lock("greeting")
    own.add("greeting", "2.0", depends=("python >=3.8", "other-library"))
    own.add("zlib", "1.4", subdirs=SUBDIRS)
    assert versions(lock("greeting", previous=first)) == versions(first)
    one = lock("greeting", previous=first, upgrade_packages=frozenset({"zlib"}))
    assert versions(one) == {**versions(first), "zlib": "1.4"}
    everything = lock("greeting", previous=first, upgrade=True)
    assert versions(everything) == {**versions(first), "zlib": "1.4", "greeting": "2.0"}


def test_a_child_adds_packages_only(lock: Locking, own: RecordChannel) -> None:
    base = lock("greeting", python="3.11")
    own.add("more", "1.0", depends=("python", "openssl", "new-library"))
    own.add("new-library", "1.0")
    own.add("openssl", "4.0", subdirs=SUBDIRS)
    child = lock("more", parent=as_parent(base))
    assert versions(child) == {"more": "1.0", "new-library": "1.0"}
    assert child.bytecode is None
    with pytest.raises(Refusal) as refusal:
        lock("openssl >=4", parent=as_parent(base))
    assert refusal.value.hint.endswith("packages of the base environment `demo` keep their versions")


def test_a_child_has_its_base_s_python(lock: Locking) -> None:
    base = lock("greeting", python="3.11")
    with pytest.raises(Refusal) as refusal:
        lock(parent=as_parent(base), python="3.12", conda=False)
    assert refusal.value.message == "`child` asks for Python 3.12, and the base `demo` has 3.11.7"
    assert lock(parent=as_parent(base), python="3.11", conda=False).bytecode is None


def test_a_child_may_bring_python(lock: Locking) -> None:
    base = as_parent(lock("zlib"))
    child = lock(parent=base, python="3.11")
    assert versions(child) == {"openssl": "3.0", "python": "3.11.7"}
    assert child.bytecode is not None
    assert names(child.bytecode.interpreters[0][1]) == ["openssl", "python", "zlib"]
    with pytest.raises(Refusal) as refusal:
        lock(parent=base, python="3.11", conda=False)
    assert refusal.value.message == "`child` asks for Python, and its base has conda packages without it"


def test_a_virtual_environment_takes_no_conda_packages(lock: Locking) -> None:
    base = dataclasses.replace(as_parent(lock("zlib")), platforms=(), bytecode=Bytecode(python="3.11.2"))
    with pytest.raises(Refusal) as refusal:
        lock("zlib", parent=base)
    assert refusal.value.message == (
        "the base `demo` of `child` has its Python packages in `/opt/env`, where conda's would be"
    )


@pytest.mark.parametrize(
    "version", ["2024.01", "1.1.1w", "9e", "1!2.0", "1.0+cu12.4", "0.1.0a1", "1_2", "v1", "2.0.post1"]
)
def test_versions_are_spelled_as_the_channel_does(lock: Locking, own: RecordChannel, version: str) -> None:
    own.add("odd", version)
    [package] = lock("odd").platform(AMD64).conda
    assert (package.version, package.file) == (version, f"odd-{version}-0.conda")


def test_conda_must_bring_the_python_that_is_asked_for(lock: Locking) -> None:
    with pytest.raises(Refusal) as refusal:
        lock("greeting", python="3.13")
    assert "python 3.13.*" in refusal.value.message
