"""The entries of a lock's lists: each artefact to plain values and back, checked."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from envcatalog.lock.fields import MAX_FILE, Block
from envcatalog.model.digest import Json
from envcatalog.model.lock import Artefact, CondaPackage, Deb, Known, LockedFile, Wheel

SUBDIRS = {"linux/amd64": "linux-64", "linux/arm64": "linux-aarch64"}


def entry_values(artefacts: Iterable[Artefact]) -> list[Json]:
    """The entries by name, as the file has them."""
    return [_value(item) for item in sorted(artefacts, key=lambda item: item.name)]


def _value(artefact: Artefact) -> Json:
    value = {name: getattr(artefact, name) for name in artefact.__slots__}
    if isinstance(artefact, CondaPackage):
        # A list of JSON; and nothing for a licence that is not known.
        value["depends"] = list(artefact.depends)
        if not artefact.license:
            del value["license"]
    return value


def known_value(known: Known) -> Json:
    """What was learnt, without what was not."""
    value: dict[str, Json] = {}
    if known.installed is not None:
        value["installed"] = known.installed
    if known.license:
        value["license"] = known.license
    return value


def read_known(root: Block, locked: Container[str]) -> tuple[tuple[str, Known], ...]:
    """What was learnt of the locked artefacts (their sha256 are given); nothing where the key is missing.

    What else is there, a merge of two locks may have left; it is no lie about anything, and `lock` drops it.
    """
    if "known" not in root.names():
        return ()
    block = root.block("known")
    known = ((sha256, read_known_value(block.block(sha256))) for sha256 in block.names())
    return tuple(item for item in known if item[0] in locked)


def read_known_value(block: Block) -> Known:
    """What `known_value` wrote. Raises LockError."""
    block.only_some("installed", "license")
    return Known(
        installed=block.integer("installed", 0, MAX_FILE) if "installed" in block.names() else None,
        license=block.printable("license") if "license" in block.names() else "",
    )


def read_interpreter(block: Block, platform: str) -> tuple[Deb, ...] | tuple[CondaPackage, ...]:
    """The packages of the interpreter that compiles on a platform: Debian's, or conda's."""
    items = block.blocks(platform)
    if items and "subdir" in items[0].names():
        return read_conda_packages(block, platform, platform)
    return read_debs(block, platform, platform)


def read_debs(block: Block, key: str, platform: str) -> tuple[Deb, ...]:
    """The Debian packages."""
    architectures = ("all", platform.partition("/")[2])
    debs = tuple(_read_deb(item, architectures) for item in block.blocks(key))
    block.increasing(key, [deb.name for deb in debs])
    return debs


def _read_deb(block: Block, architectures: Sequence[str]) -> Deb:
    block.only("architecture", "name", "path", "sha256", "size", "version")
    return Deb(
        name=block.deb_name("name"),
        version=block.deb_version("version"),
        architecture=block.choice("architecture", architectures),
        path=block.deb_path("path"),
        size=block.size("size"),
        sha256=block.sha256("sha256"),
    )


def read_wheels(block: Block) -> tuple[Wheel, ...]:
    """The wheels."""
    wheels = tuple(_read_wheel(item) for item in block.blocks("wheels"))
    block.increasing("wheels", [wheel.name for wheel in wheels])
    return wheels


def read_conda_packages(block: Block, key: str, platform: str) -> tuple[CondaPackage, ...]:
    """The conda packages; none where the key is missing."""
    if key not in block.names():
        return ()
    subdirs = ("noarch", SUBDIRS[platform])
    packages = tuple(_read_conda(item, subdirs) for item in block.blocks(key))
    block.increasing(key, [package.name for package in packages])
    return packages


def read_files(block: Block) -> tuple[LockedFile, ...]:
    """The other files; none where the key is missing."""
    if "files" not in block.names():
        return ()
    files = tuple(_read_file(item) for item in block.blocks("files"))
    block.increasing("files", [file.name for file in files])
    return files


def _read_conda(block: Block, subdirs: Sequence[str]) -> CondaPackage:
    block.only(
        "build",
        "channel",
        "depends",
        "file",
        "name",
        "sha256",
        "size",
        "subdir",
        "version",
        optional=("license",),
    )
    name, version, build = block.conda_name("name"), block.conda_part("version"), block.conda_part("build")
    return CondaPackage(
        name=name,
        version=version,
        build=build,
        channel=block.name("channel"),
        subdir=block.choice("subdir", subdirs),
        file=block.choice("file", [f"{name}-{version}-{build}.{ending}" for ending in ("conda", "tar.bz2")]),
        size=block.size("size"),
        sha256=block.sha256("sha256"),
        depends=block.texts("depends"),
        license=block.printable("license") if "license" in block.names() else "",
    )


def _read_file(block: Block) -> LockedFile:
    block.only("file", "name", "sha256", "size", "source", "version")
    return LockedFile(
        name=block.file_path("name"),
        version=block.text("version"),
        file=block.file_name("file"),
        size=block.size("size"),
        sha256=block.sha256("sha256"),
        source=block.file_source("source"),
    )


def _read_wheel(block: Block) -> Wheel:
    block.only("file", "index", "name", "sha256", "size", "version")
    name = block.wheel_name("name")
    return Wheel(
        name=name,
        version=block.wheel_version("version"),
        file=block.wheel_file("file", name),
        size=block.size("size"),
        sha256=block.sha256("sha256"),
        index=block.name("index"),
    )
