"""Catalogs in memory, for policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from envcatalog.catalog.content import Content
from envcatalog.catalog.validating import validate
from envcatalog.definition.canonical import definition_digest
from envcatalog.definition.policy.subject import Before
from envcatalog.definition.reader import read_environment
from envcatalog.lock.file import dump_lock
from envcatalog.model.environment import EnvironmentBase
from envcatalog.model.files import MODE_FILE, FolderFile
from envcatalog.model.lock import (
    Artefact,
    CondaPackage,
    Deb,
    Known,
    Lock,
    LockedEnvironment,
    LockedFile,
    PlatformLock,
    Wheel,
)

TODAY = "2026-06-15"
SETTINGS = "catalog/catalog.yaml"


class Files:
    """A `Source` of texts by path."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(path.split("/")[1] for path in self.files if path.endswith("/environment.yaml")))

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def read_each(self, file: str) -> Iterator[tuple[str, bytes]]:
        for name in self.names():
            data = self.files.get(f"catalog/{name}/{file}")
            if data is not None:
                yield name, data

    def folder(self, folder: str) -> tuple[FolderFile, ...]:
        inside = ((path, data) for path, data in sorted(self.files.items()) if path.startswith(f"{folder}/"))
        return tuple(
            FolderFile(path=path.removeprefix(f"{folder}/"), mode=MODE_FILE, read=lambda data=data: data)  # type: ignore[misc]
            for path, data in inside
        )

    def skipped(self) -> tuple[Any, ...]:
        return ()


def wheel(name: str, version: str, size: int = 1000) -> Wheel:
    """A locked wheel; its digest follows from name and version."""
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return Wheel(name=name, version=version, file=file, size=size, sha256=digest(file))


def deb(name: str, version: str, size: int = 1000) -> Deb:
    """A locked Debian package."""
    path = f"pool/main/{name}/{name}_{version}_amd64.deb"
    return Deb(name=name, version=version, architecture="amd64", path=path, size=size, sha256=digest(path))


def digest(text: str) -> str:
    """64 hexadecimal digits."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def jar(name: str, version: str = "") -> LockedFile:
    """A locked jar: of Maven coordinates, or of the environment's folder."""
    file = name.rpartition(":")[2] if version else name
    source = "maven:default" if version else "folder"
    return LockedFile(name=name, version=version, file=file, size=1000, sha256=digest(name), source=source)


def archive(name: str, version: str) -> LockedFile:
    """A locked source archive of a Python project."""
    file = f"{name}-{version}.tar.gz"
    return LockedFile(
        name=name, version=version, file=file, size=1000, sha256=digest(file), source="index:default"
    )


def conda(name: str, version: str, license_: str = "") -> CondaPackage:
    """A locked conda package."""
    file = f"{name}-{version}-0.conda"
    return CondaPackage(
        name=name, version=version, build="0", channel="own", subdir="noarch", file=file, size=1000,
        sha256=digest(file), license=license_,
    )  # fmt: skip


def lock_of(text: str, *artefacts: Artefact, known: Mapping[str, Known] | None = None) -> bytes:
    """A lock that belongs to a definition; `known` by an artefact's name."""
    name = text.split("\n")[0].removeprefix("name: ")
    found = read_environment(text.encode(), "f", folder=name).environment
    assert found is not None, text
    base = found.base
    ordered = sorted(artefacts, key=lambda item: item.name)
    platform = PlatformLock(
        platform="linux/amd64",
        debs=tuple(item for item in ordered if isinstance(item, Deb)),
        conda=tuple(item for item in ordered if isinstance(item, CondaPackage)),
        wheels=tuple(item for item in ordered if isinstance(item, Wheel)),
        files=tuple(item for item in ordered if isinstance(item, LockedFile)),
    )
    facts = {item.sha256: known[item.name] for item in ordered if known and item.name in known}
    parent = None
    if isinstance(base, EnvironmentBase):
        parent = LockedEnvironment(environment=base.environment, plan="sha256:" + "1" * 64)
    return dump_lock(
        Lock(
            definition=definition_digest(found),
            base=parent,
            bytecode=None,
            platforms=(platform,),
            known=tuple(sorted(facts.items())),
        )
    )


def judge(
    policy: str,
    definitions: Mapping[str, str],
    locks: Mapping[str, bytes] | None = None,
    *,
    more: Mapping[str, bytes] | None = None,
    names: tuple[str, ...] = (),
    today: str = TODAY,
    newest: Any = None,
) -> str:
    """All problems of a catalog with this `catalog.yaml`, rendered."""
    files = {SETTINGS: policy.encode(), **(more or {})}
    files |= {f"catalog/{name}/environment.yaml": text.encode() for name, text in definitions.items()}
    files |= {f"catalog/{name}/lock.json": data for name, data in (locks or {}).items()}
    found = validate(Content(Files(files)), names, today=today, newest=newest or (lambda *_: Before()))
    lines = []
    for item in found.problems:
        place = f"{item.file.removeprefix('catalog/')}:{item.line}:{item.column}+{item.length}"
        lines.append(f"{place} {item.severity} {item.code}: {item.message}")
        if item.hint:
            lines.append(f"  hint: {item.hint}")
    return "\n".join(lines) + "\n" if lines else ""
