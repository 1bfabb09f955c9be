"""Environments for exporters, made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from envcatalog.formats.outgoing.exporting import FORMATS
from envcatalog.model.environment import (
    Conda,
    Container,
    DebianBase,
    Environment,
    ImageBase,
    Inference,
    Python,
    R,
    Spark,
)
from envcatalog.model.export import Exported, Written
from envcatalog.model.lock import CondaPackage, Deb, LockedImage, PlatformLock, Wheel

REGISTRY = "registry.example.com/ml"
DIGEST = "sha256:" + "e" * 64
IMAGE = f"{REGISTRY}/sample:3@{DIGEST}"
BY_DIGEST = f"{REGISTRY}/sample@{DIGEST}"
BASE = LockedImage(
    image="registry.example.com:5000/library/python:3.11-slim", digest="sha256:" + "b" * 64, manifests=()
)
BOTH = ("linux/amd64", "linux/arm64")

FULL = Environment(
    name="sample",
    base=DebianBase(suite="bookworm"),
    apt=("libgomp1",),
    python=Python(version="3.11", packages=("alpha>=1", "beta[x]; python_version < '4'")),
    conda=Conda(
        channels=("local",),
        packages=("numpy=2.2",),
        channel_priority="disabled",
        virtual_packages=(("__cuda", "12.4"),),
    ),
    r=R(packages=("dplyr",)),
    spark=Spark(version="3.5"),
    variables=(("OMP_NUM_THREADS", "1"),),
    container=Container(
        user="1000:100",
        workdir="/home/app",
        entrypoint=("python", "-m", "app"),
        command=("serve",),
        ports=(8080,),
        shm_size="2g",
        gpus="1",
    ),
    inference=Inference(port=5001, liveness="/live", readiness="/ready", scoring="/score"),
    platforms=BOTH,
    checks=("python -c 'import alpha'",),
    description="For a test",
    tags=(("task", "training"),),
)
PLAIN = Environment(
    name="sample",
    base=DebianBase(suite="bookworm"),
    python=Python(version="3.11", packages=("alpha",)),
)


def sha256(text: str) -> str:
    """Some digest."""
    return hashlib.sha256(text.encode()).hexdigest()


def wheel(name: str, version: str = "1.0", tag: str = "py3-none-any") -> Wheel:
    """A wheel."""
    file = f"{name}-{version}-{tag}.whl"
    return Wheel(name=name, version=version, file=file, size=100, sha256=sha256(file))


def conda_package(name: str, version: str = "1.0", *depends: str, subdir: str = "linux-64") -> CondaPackage:
    """A conda package of the channel ``local``."""
    file = f"{name}-{version}-h0_0.conda"
    return CondaPackage(
        name=name,
        version=version,
        build="h0_0",
        channel="local",
        subdir=subdir,
        file=file,
        size=200,
        sha256=sha256(subdir + file),
        depends=depends,
    )


def lock(
    platform: str = "linux/amd64", *, wheels: Iterable[Wheel] = (), conda: Iterable[CondaPackage] = ()
) -> PlatformLock:
    """What is locked for one platform."""
    deb = Deb(
        name="libgomp1", version="1", architecture="amd64", path="pool/l.deb", size=1, sha256=sha256("l")
    )
    return PlatformLock(platform=platform, debs=(deb,), conda=tuple(conda), wheels=tuple(wheels))


def given(environment: Environment, *locks: PlatformLock, **more: Any) -> Exported:
    """What an exporter gets; every file has an address."""
    found = {
        wheel.sha256: f"https://index.example.com/files/{wheel.file}"
        for item in locks
        for wheel in item.wheels
    }
    packages = [package for item in locks for package in item.conda]
    found |= {p.sha256: f"https://conda.example.com/local/{p.subdir}/{p.file}" for p in packages}
    values: dict[str, Any] = {
        "label": "sample@3",
        "environment": environment,
        "locks": locks,
        "definition": "sha256:" + "d" * 64,
        "unpublished": "no version is what it is now",
        "version": 3,
        "addresses": found,
        "md5": {package.sha256: "a" * 32 for package in packages},
    }
    return Exported(**{**values, **more})


def written(to: str, environment: Environment, *locks: PlatformLock, **more: Any) -> Written:
    """What the writer of a format makes."""
    return FORMATS[to].write(given(environment, *locks, **more))


def text_of(to: str, environment: Environment, *locks: PlatformLock, **more: Any) -> str:
    """The text of its first file."""
    return written(to, environment, *locks, **more).files[0].text


def on_image(environment: Environment) -> Environment:
    """The same on the base image `BASE`."""
    return replace(environment, base=ImageBase(image=BASE.image))
