"""Policies over conda packages."""

from __future__ import annotations

from envcatalog.definition.policy.rules import breaches
from envcatalog.definition.policy.subject import Subject, download_sizes
from envcatalog.definition.reader import read_settings
from envcatalog.model.environment import Conda, DebianBase, Environment
from envcatalog.model.lock import CondaPackage, Lock, PlatformLock
from envcatalog.model.settings import Settings


def package(name: str, version: str, license_: str = "", depends: tuple[str, ...] = ()) -> CondaPackage:
    return CondaPackage(
        name=name, version=version, build="0", channel="own", subdir="noarch", file=f"{name}-{version}-0.conda",
        size=1000, sha256=f"{abs(hash((name, version))):064x}"[-64:], depends=depends, license=license_,
    )  # fmt: skip


LOCKED = (
    package("openssl", "3.0.2", "Apache-2.0"),
    package("python", "3.11.7", "Python-2.0"),
    package("urllib3", "2.0", "MIT", ("python >=3.8",)),
    package("viewer", "1.0", "GPL-2.0-or-later AND AGPL-3.0-only"),
    package("zstd", "1.5", "BSD-3-Clause OR GPL-2.0-only"),
)


def found(policy: str, *specs: str, locked: tuple[CondaPackage, ...] = LOCKED) -> list[tuple[str, ...]]:
    reading = read_settings(f"policy:\n  {policy}\n".encode(), "catalog/catalog.yaml")
    assert reading.problems == ()
    assert reading.settings is not None
    environment = Environment(
        name="demo", base=DebianBase(suite="bookworm"), conda=Conda(channels=("own",), packages=specs)
    )
    lock = Lock(
        definition="",
        base=None,
        bytecode=None,
        platforms=(PlatformLock(platform="linux/amd64", conda=locked),),
    )
    subject = Subject(chain=(environment,), locks=(lock,))
    return [
        (item.rule, item.message, ".".join(map(str, item.path)), "locked" if item.locked else "")
        for item in breaches(subject, reading.settings.policy, Settings())
    ]


def test_a_banned_conda_package() -> None:
    rule = 'banned: [{conda: "openssl<3.0.15", reason: CVE}]'
    message = "`openssl<3.0.15` is banned, and `3.0.2` is locked"
    assert found(rule, "viewer") == [("banned", message, "conda.packages", "locked")]
    assert found(rule, "viewer", "openssl=3") == [("banned", message, "conda.packages.1", "")]
    assert found(rule, "openssl=3", locked=()) == []
    assert found(rule, "openssl==3.0.1", locked=()) == [
        ("banned", "`openssl<3.0.15` is banned", "conda.packages.0", "")
    ]
    assert found('banned: [{conda: "openssl=3.1"}]', "openssl") == []
    assert found("banned: [{conda: zstd}]", "viewer") == [
        ("banned", "`zstd` is banned, and `1.5` is locked", "conda.packages", "locked")
    ]


def test_a_banned_project_may_come_from_conda() -> None:
    message = "`urllib3<2.2` is banned, and `2.0` is locked"
    rule = 'banned: [{package: "urllib3<2.2"}]'
    assert [item[:2] for item in found(rule, "viewer")] == [("banned", message)]
    assert found(rule, "viewer", "urllib3")[0][2:] == ("conda.packages.1", "")
    # A library that no Python depends on is not the project of that name.
    assert found('banned: [{package: "zstd"}]', "zstd") == []


def test_a_required_conda_package() -> None:
    assert found("required: [{conda: openssl}]", "viewer") == []
    assert found('required: [{conda: "openssl>=3.1"}]', "viewer") == [
        ("required", "`openssl>=3.1` is required, and `3.0.2` is locked", "conda.packages", "")
    ]
    assert found("required: [{conda: telemetry}]", "viewer") == [
        ("required", "`telemetry` is required", "conda.packages", "")
    ]
    assert found("required: [{conda: telemetry}]", "telemetry", locked=()) == []


def test_matchspecs_that_are_not_pinned() -> None:
    specs = ("a", "b=1.2", "c==1.2", "d=1.2=h0", "e>=1,<2", "f==1|==2")
    assert [item[1] for item in found("pinned: {}", *specs)] == [
        "`a` is not pinned to one version",
        "`b=1.2` is not pinned to one version",
        "`e>=1,<2` is not pinned to one version",
        "`f==1|==2` is not pinned to one version",
    ]


def test_conda_packages_count_as_downloads() -> None:
    environment = Environment(name="demo", base=DebianBase(suite="bookworm"), conda=Conda(channels=("own",)))
    platform = PlatformLock(platform="linux/amd64", conda=LOCKED)
    lock = Lock(definition="", base=None, bytecode=None, platforms=(platform,))
    assert download_sizes(Subject(chain=(environment,), locks=(lock,))) == {"linux/amd64": 5000}
    assert found("size: {download: 4kB}", "viewer")[0][:3] == (
        "size",
        "the locked files of linux/amd64 are 5.0 kB, and at most 4.0 kB are allowed",
        "conda.packages",
    )
