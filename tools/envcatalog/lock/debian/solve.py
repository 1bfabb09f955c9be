"""Debian packages of an environment, locked for each platform: the entry to this folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from envcatalog.lock.debian.closure import Wish, close
from envcatalog.lock.debian.indexes import load_indexes
from envcatalog.lock.debian.packages import PackageIndex
from envcatalog.lock.debian.policy import BASE_PACKAGES, ESSENTIAL, interpreter_packages
from envcatalog.lock.debian.scripts import check_scripts
from envcatalog.lock.debian.version import upstream_version
from envcatalog.model.environment import PLATFORMS
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Bytecode, Deb
from envcatalog.model.seams import Artefacts, Progress
from envcatalog.model.settings import Settings

_ARCHITECTURES = {"linux/amd64": "amd64", "linux/arm64": "arm64"}
_INTERPRETER = re.compile(r"python(3\.\d+)-minimal\Z")
_FULL_VERSION = re.compile(r"\d+\.\d+\.\d+")


def python_packages(suite: str, version: str) -> tuple[str, ...]:
    """Debian's packages of one Python minor version.

    Args:
        suite: for symmetry with the suites whose packages are named otherwise; all known ones agree.
        version: ``3.11``.
    """
    del suite
    return interpreter_packages(version)


def lock_debian(
    suite: str,
    packages: Sequence[str],
    *,
    platforms: Sequence[str],
    settings: Settings,
    present: Mapping[str, tuple[Deb, ...]],
    previous: Mapping[str, tuple[Deb, ...]],
    upgrade: bool,
    upgrade_packages: frozenset[str],
    cache: Path,
    progress: Progress,
    artefacts: Artefacts | None = None,
    complete: bool = False,
) -> dict[str, tuple[Deb, ...]]:
    """The packages to add on each platform, sorted by name: the named ones and all that they need.

    Args:
        packages: names. Where nothing is present, `BASE_PACKAGES` are added to them.
        present: what the parent environment has, by platform; in no answer.
        previous: the last lock, by platform; its versions are kept while the index has them, unless `upgrade`
            or `upgrade_packages` says otherwise.
        artefacts: where packages that are new come from, so that their maintainer scripts can be judged; None
            for the usual store in `cache`.
        complete: the image's builder runs maintainer scripts: every dependency is followed, the essential packages
            and dpkg are added, and no script is judged.

    Raises:
        Refusal: an unknown package, a conflict, a locked version that the archives no longer have, a package
            that does not work without its scripts, no mirror, or a wrong signature.
        UserError: no archive can be reached.
    """
    progress.step(f"resolving Debian packages of {suite}")
    indexes = _indexes(suite, platforms, settings, cache, progress)
    found: dict[str, tuple[Deb, ...]] = {}
    for platform in platforms:
        parent = present.get(platform, ())
        _check_python(suite, indexes[platform], packages)
        names = tuple(packages) if parent else (*BASE_PACKAGES, *packages)
        if complete:
            names = (*names, *(name for name in ESSENTIAL if indexes[platform].versions(name)))
        last = {} if upgrade else {deb.name: deb for deb in previous.get(platform, ())}
        kept = _kept(platform, previous, upgrade, upgrade_packages)
        wish = Wish(names=names, present=parent, kept=kept, complete=complete)
        found[platform] = _locked(indexes[platform], wish, last, upgrade_packages)
    if complete:
        return found
    known = {deb.sha256 for debs in previous.values() for deb in debs}
    fresh = sorted(
        {deb.sha256: deb for debs in found.values() for deb in debs if deb.sha256 not in known}.values(),
        key=lambda deb: (deb.name, deb.architecture),
    )
    check_scripts(fresh, artefacts or _store(cache, settings, progress), progress)
    return found


def lock_interpreters(
    suite: str,
    python_version: str,
    *,
    settings: Settings,
    cache: Path,
    progress: Progress,
    previous: Bytecode | None,
    upgrade: bool,
    upgrade_packages: frozenset[str],
) -> Bytecode:
    """The interpreter that makes byte code: its full version, and its packages for every builder's platform.

    It chooses as `lock_debian` does, so where a platform is also the environment's, the files are the same.

    Raises:
        Refusal, UserError: as `lock_debian`; also when the platforms' interpreters differ in version.
    """
    indexes = _indexes(suite, PLATFORMS, settings, cache, progress)
    last = _debian_interpreters(previous)
    found: list[tuple[str, tuple[Deb, ...]]] = []
    for platform in PLATFORMS:
        kept = _kept(platform, last, upgrade, upgrade_packages)
        mine = {} if upgrade else {deb.name: deb for deb in last.get(platform, ())}
        names = python_packages(suite, python_version)
        _check_python(suite, indexes[platform], names)
        wish = Wish(names=names, kept=kept)
        found.append((platform, _locked(indexes[platform], wish, mine, upgrade_packages)))
    versions = {platform: _python_version(debs, python_version) for platform, debs in found}
    if len(set(versions.values())) > 1:
        told = ", ".join(f"{version} for {platform}" for platform, version in versions.items())
        raise Refusal(
            f"the archives of `{suite}` hold different versions of Python {python_version}: {told}",
            "the mirror may be changing, try again later",
        )
    return Bytecode(python=versions[PLATFORMS[0]], interpreters=tuple(found))


def _debian_interpreters(previous: Bytecode | None) -> dict[str, tuple[Deb, ...]]:
    listed = previous.interpreters if previous else ()
    return {platform: tuple(item for item in items if isinstance(item, Deb)) for platform, items in listed}


def _indexes(
    suite: str, platforms: Sequence[str], settings: Settings, cache: Path, progress: Progress
) -> dict[str, PackageIndex]:
    unknown = [platform for platform in platforms if platform not in _ARCHITECTURES]
    if unknown:
        raise Refusal(f"there is no Debian base for the platform `{unknown[0]}`")
    names = [_ARCHITECTURES[platform] for platform in platforms]
    found = load_indexes(suite, names, settings=settings, cache=cache, progress=progress)
    return {platform: found[name] for platform, name in zip(platforms, names, strict=True)}


def _check_python(suite: str, index: PackageIndex, names: Iterable[str]) -> None:
    """A version that the suite never had is told as such, not as an unknown package."""
    for name in names:
        match = _INTERPRETER.match(name)
        if match and not index.versions(name):
            others = (_INTERPRETER.match(other) for other in index.names())
            versions = sorted({other[1] for other in others if other}, key=lambda v: int(v.partition(".")[2]))
            raise Refusal(
                f"Debian `{suite}` has no Python {match[1]}",
                f"it has {' and '.join(versions) or 'none'}; set `python.version`, or use an image base",
            )


def _kept(
    platform: str,
    previous: Mapping[str, tuple[Deb, ...]],
    upgrade: bool,
    upgrade_packages: frozenset[str],
) -> dict[str, tuple[str, ...]]:
    """Versions to keep by name: its own, then the other platforms', so that a new one agrees."""
    kept: dict[str, tuple[str, ...]] = {}
    if upgrade:
        return kept
    for other in sorted(previous, key=lambda name: (name != platform, name)):
        for deb in previous[other]:
            if deb.name not in upgrade_packages:
                kept[deb.name] = (*kept.get(deb.name, ()), deb.version)
    return kept


def _locked(
    index: PackageIndex, wish: Wish, last: Mapping[str, Deb], upgrade_packages: frozenset[str]
) -> tuple[Deb, ...]:
    debs = tuple(package.deb for package in close(index, wish))
    _refuse_gone(index, [last[deb.name] for deb in debs if deb.name in last], upgrade_packages)
    return debs


def _refuse_gone(index: PackageIndex, locked: Iterable[Deb], upgrade_packages: frozenset[str]) -> None:
    """A new version must be wanted: a lock that changes because time passed would not be a lock."""
    gone = [
        deb
        for deb in locked
        if deb.name not in upgrade_packages
        and not any(
            (package.deb.version, package.deb.sha256) == (deb.version, deb.sha256)
            for package in index.versions(deb.name)
        )
    ]
    if gone:
        told = ", ".join(f"`{deb.name}` {deb.version}" for deb in gone)
        flags = " ".join(f"--upgrade-package {deb.name}" for deb in gone)
        raise Refusal(
            f"the archives no longer have {told} in {index.label}",
            f"run `envcat lock {flags}` for the new ones",
        )


def _python_version(debs: Sequence[Deb], minor: str) -> str:
    for deb in debs:
        if deb.name == f"python{minor}-minimal":
            match = _FULL_VERSION.match(upstream_version(deb.version))
            if match:
                return match[0]
    raise Refusal(f"the Debian packages of Python {minor} have no full version")


def _store(cache: Path, settings: Settings, progress: Progress) -> Artefacts:
    from envcatalog.lock.fetch import ArtefactStore

    return ArtefactStore(cache, settings, progress)
