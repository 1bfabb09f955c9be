"""Which Python projects a conda package holds: read from its list of files, never guessed from its name.

Names differ (`pytorch` holds `torch`, `matplotlib-base` holds `matplotlib`), and a C library may be called like a
project that has nothing to do with it. Only packages that depend on Python are asked, and of a ``.conda`` archive only
the part with the list is fetched. The answer belongs to the archive's digest, so it is kept.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from envcatalog.definition.matchspecs import MatchSpec, read_spec
from envcatalog.lock.conda.channels import package_addresses, public_address
from envcatalog.lock.conda.client import client_for
from envcatalog.lock.conda.explain import unreachable
from envcatalog.lock.conda.loop import one_at_a_time, wait
from envcatalog.lock.provided import Provided
from envcatalog.lock.stopping import StoppedError
from envcatalog.lock.urls import local_path
from envcatalog.model.errors import UserError
from envcatalog.model.lock import CondaPackage
from envcatalog.model.settings import Settings

if TYPE_CHECKING:
    from rattler import Client, PathsJson

_PARALLEL = 8
_INTERPRETER = re.compile(r"(?:python|python_abi)(?=[\s=<>!~\[]|\Z)")
# What installers look for: `name-version.dist-info/METADATA`, or the older egg-info, a file or a folder.
_METADATA = re.compile(
    r"\A(?:lib/python[0-9.]+t?/)?site-packages/([A-Za-z0-9_.-]+?)-([0-9][A-Za-z0-9_.!+]*?)(?:-py[0-9.]+)?"
    r"\.(?:dist-info/METADATA|egg-info(?:/PKG-INFO)?)\Z"
)

Project = tuple[str, str]  # normalised name, version


def provided_projects(
    packages: Sequence[CondaPackage], specs: Sequence[str], *, settings: Settings, cache: Path
) -> tuple[Provided, ...]:
    """The projects that conda packages hold, sorted by name.

    Args:
        packages: all of one platform, inherited ones included.
        specs: MatchSpecs of the definition.

    Raises:
        UserError: a channel cannot be read.
    """
    asked = [package for package in packages if any(map(_INTERPRETER.match, package.depends))]
    with one_at_a_time:  # so that what another thread asks for at this moment is known after it
        known = _known(asked, settings, cache)
    found: dict[str, Provided] = {}
    for package in asked:
        for name, version in known[package.sha256]:
            found[name] = Provided(
                name=name,
                version=version,
                by="conda",
                required_by=_users(package.name, packages, specs),
                on_index=True,
            )
    return tuple(found[name] for name in sorted(found))


def _known(asked: Sequence[CondaPackage], settings: Settings, cache: Path) -> dict[str, tuple[Project, ...]]:
    """sha256 to projects, from the cache where they are there."""
    folder = cache / "conda" / "projects"
    recalled = ((package.sha256, _recall(folder, package.sha256)) for package in asked)
    known = {sha256: projects for sha256, projects in recalled if projects is not None}
    missing = [package for package in asked if package.sha256 not in known]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for package, projects in zip(missing, wait(_ask(missing, settings)), strict=True):
                _remember(folder, package.sha256, projects)
                known[package.sha256] = projects
        except (UserError, StoppedError, KeyboardInterrupt):
            raise
        except Exception as error:  # the library has an exception of its own for each of its parts
            raise unreachable(error, sorted({package.channel for package in missing})) from None
    return known


def projects_in(paths: Sequence[str]) -> tuple[Project, ...]:
    """Projects by the metadata among the paths of a package's files, sorted."""
    found = {
        (re.sub(r"[-_.]+", "-", match[1]).lower(), match[2])
        for path in paths
        if (match := _METADATA.search(path)) is not None
    }
    return tuple(sorted((name, version) for name, version in found if _is_version(version)))


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


async def _ask(packages: Sequence[CondaPackage], settings: Settings) -> list[tuple[Project, ...]]:
    places = {package.sha256: package_addresses(package, settings)[0] for package in packages}
    client, turns = client_for(places.values()), asyncio.Semaphore(_PARALLEL)

    async def one(package: CondaPackage) -> tuple[Project, ...]:
        async with turns:
            listed = await _listed(client, public_address(places[package.sha256]))
        if listed is None:  # an archive from before there were such lists
            return ((re.sub(r"[-_.]+", "-", package.name), package.version),)
        return projects_in([str(entry.relative_path) for entry in listed.paths])

    return list(await asyncio.gather(*(one(package) for package in packages)))


async def _listed(client: Client, url: str) -> PathsJson | None:
    from rattler import PathsJson

    path = local_path(url)
    if path is not None:
        return PathsJson.from_package_archive(path)
    return await PathsJson.from_remote_url(client, url)


def _users(name: str, packages: Sequence[CondaPackage], specs: Sequence[str]) -> tuple[str, ...]:
    asked = [text for text in specs if isinstance(spec := read_spec(text), MatchSpec) and spec.name == name]
    needed = re.compile(re.escape(name) + r"(?=[\s=<>!~\[]|\Z)")
    return (*asked, *(one.name for one in packages if any(map(needed.match, one.depends))))


def _recall(folder: Path, sha256: str) -> tuple[Project, ...] | None:
    try:
        value = json.loads((folder / f"{sha256}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return tuple((str(name), str(version)) for name, version in value)


def _remember(folder: Path, sha256: str, projects: tuple[Project, ...]) -> None:
    with NamedTemporaryFile("w", dir=folder, prefix=".", delete=False) as out:
        json.dump(projects, out)
    Path(out.name).replace(folder / f"{sha256}.json")
