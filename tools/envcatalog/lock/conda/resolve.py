"""The conda part of a lock: packages for each platform, and the interpreter among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from envcatalog.lock.conda.projects import provided_projects
from envcatalog.lock.conda.solve import CondaRequest, solve_conda
from envcatalog.lock.conda.virtual import virtual_packages
from envcatalog.lock.provided import Provided
from envcatalog.model.digest import json_digest
from envcatalog.model.environment import Conda
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Bytecode, CondaPackage

if TYPE_CHECKING:
    from envcatalog.lock.work import Work

PYTHON = "python"
_CPYTHON = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}(?:(?:a|b|rc)[0-9]{1,3})?\Z")
_SPEC_NAME = re.compile(r"[^\s=<>!~\[]+")


def conda_input(work: Work) -> str | None:
    """What the conda packages follow from; None where the environment asks for none."""
    conda = work.environment.conda
    if conda is None:
        return None
    return json_digest(
        {
            "channels": list(conda.channels),
            "packages": sorted(_specs(work)),
            "priority": conda.channel_priority,
            "virtual": dict(conda.virtual_packages),
            "suite": work.suite,
            "present": work.parent.conda_versions() if work.parent else (),
        }
    )


def lock_conda(work: Work) -> Mapping[str, tuple[CondaPackage, ...]]:
    """The packages by platform, without those of the parent; what is unchanged is not solved again.

    Raises:
        Refusal: no set of packages fits, or the platforms would have different versions of Python.
        UserError: a channel cannot be read.
    """
    digest, conda = conda_input(work), work.environment.conda
    if digest is None or conda is None:
        return {}
    if work.parent is not None and work.parent.bytecode is not None and not work.parent.has_conda:
        raise Refusal(
            f"the base `{work.parent.environment}` of `{work.environment.name}` has its Python packages in "
            "`/opt/env`, where conda's would be",
            f"add `conda` to `{work.parent.environment}`, or choose another base",
        )
    last = {item.platform: item.conda for item in work.previous.platforms} if work.previous else {}
    names = [package.name for packages in last.values() for package in packages]
    kept = last if work.unchanged("conda", digest, names) else {}
    found = dict(kept)
    missing = [platform for platform in sorted(work.environment.platforms) if platform not in kept]
    for platform in missing:
        python = _python(_all(work, found))
        try:
            found[platform] = _solve(work, conda, platform, python)
        except Refusal:
            # The newest Python of one platform may not be there on another, and an older one on all of them.
            common = _python(_solve(work, conda, platform, None)) if python and not kept else python
            if common == python:
                raise
            try:
                return {name: _solve(work, conda, name, common) for name in missing}
            except Refusal as error:
                raise Refusal(
                    f"no version of Python fits all platforms: {python} is for {missing[0]}, "
                    f"and {common} for {platform}",
                    "ask for a version that is there for all of them, or leave a platform out",
                ) from error
    return found


def _solve(work: Work, conda: Conda, platform: str, python: str | None) -> tuple[CondaPackage, ...]:
    """One platform, with exactly this version of Python where it has one at all."""
    last = {item.platform: item.conda for item in work.previous.platforms} if work.previous else {}
    request = CondaRequest(
        specs=_specs(work),
        channels=conda.channels,
        platform=platform,
        priority=conda.channel_priority,
        virtual=virtual_packages(conda, platform, work.suite),
        present=work.parent.conda(platform) if work.parent else (),
        parent=work.parent.environment if work.parent else "",
        preferred=_preferred(work, last.get(platform, ())),
        constraints=(f"{PYTHON}=={python}",) if python else (),
    )
    work.progress.step(f"resolving conda packages for {platform}")
    found = solve_conda(request, settings=work.settings, cache=work.cache)
    _check_wheels(work, platform, found)
    return found


def conda_projects(work: Work, platform: str, added: tuple[CondaPackage, ...]) -> tuple[Provided, ...]:
    """The Python projects that conda packages hold, inherited ones included.

    Raises:
        UserError: a channel cannot be read.
    """
    packages = (*work.inherited_conda(platform), *added)
    work.progress.step(f"asking which Python projects the conda packages for {platform} hold")
    return provided_projects(packages, _specs(work), settings=work.settings, cache=work.cache)


def _check_wheels(work: Work, platform: str, added: tuple[CondaPackage, ...]) -> None:
    """Refuse conda packages that hold what the base has as a wheel: both would be in one place."""
    wheels = {wheel.name: wheel for wheel in work.parent.wheels(platform)} if work.parent else {}
    if not wheels or work.parent is None:
        return
    for project in provided_projects(added, _specs(work), settings=work.settings, cache=work.cache):
        if project.name in wheels:
            wheel = wheels[project.name]
            raise Refusal(
                f"`{wheel.name}=={wheel.version}` of the base environment `{work.parent.environment}` is there"
                f" already, and `{project.name}=={project.version}` would be a second one, {project.origin}",
                f"let `{work.parent.environment}` have it from conda, too, or leave it out here",
            )


def conda_bytecode(work: Work, added: Mapping[str, tuple[CondaPackage, ...]]) -> Bytecode | None:
    """Who compiles where conda brings Python; None where it brings none, or an ancestor has one.

    Raises:
        Refusal: the interpreter is no CPython, or not of the version that the definition asks for.
    """
    if work.parent is not None and work.parent.bytecode is not None:
        _check_version(work, work.parent.bytecode.python, work.parent.environment)
        return None
    interpreters: list[tuple[str, tuple[CondaPackage, ...]]] = []
    version = ""
    for platform in sorted(work.environment.platforms):
        present = work.parent.conda(platform) if work.parent else ()
        packages = {item.name: item for item in (*present, *added.get(platform, ()))}
        if PYTHON not in packages:
            continue
        python = packages[PYTHON]
        if "pypy" in python.build or _CPYTHON.match(python.version) is None:
            raise Refusal(
                f"`{python.file}` is no CPython, which alone compiles byte code",
                "ask for another build of `python`",
            )
        version = version or python.version
        if python.version != version:
            raise Refusal(
                f"Python is {version} on one platform and {python.version} on {platform}",
                "ask for one version, such as `python=" + version + "`",
            )
        interpreters.append((platform, _closure(packages)))
    if not version:
        if work.environment.python is not None:
            raise Refusal(
                f"`{work.environment.name}` asks for Python, and its base has conda packages without it",
                "add `conda` with its channels, so that the interpreter comes from there, too",
            )
        return None
    _check_version(work, version, "")
    return Bytecode(python=version, interpreters=tuple(interpreters))


def _check_version(work: Work, full: str, base: str) -> None:
    wanted = work.environment.python.version if work.environment.python else None
    if wanted is not None and not full.startswith(f"{wanted}."):
        whose = f"the base `{base}` has" if base else "conda brings"
        raise Refusal(
            f"`{work.environment.name}` asks for Python {wanted}, and {whose} {full}",
            "change one of the two",
        )


def _specs(work: Work) -> tuple[str, ...]:
    conda, python = work.environment.conda, work.environment.python
    specs = conda.packages if conda else ()
    return (*specs, f"{PYTHON} {python.version}.*") if python is not None else specs


def _preferred(work: Work, last: Sequence[CondaPackage]) -> tuple[CondaPackage, ...]:
    if work.upgrade:
        return ()
    return tuple(package for package in last if package.name not in work.upgrade_packages)


def _python(packages: Iterable[CondaPackage]) -> str | None:
    return next((item.version for item in packages if item.name == PYTHON), None)


def _all(work: Work, found: Mapping[str, tuple[CondaPackage, ...]]) -> list[CondaPackage]:
    ours = set(work.environment.platforms)
    return [package for platform, packages in found.items() if platform in ours for package in packages]


def _closure(packages: Mapping[str, CondaPackage]) -> tuple[CondaPackage, ...]:
    """Python and all that it depends on, itself or by others; virtual packages are in no lock."""
    needed: set[str] = set()
    waiting = [PYTHON]
    while waiting:
        name = waiting.pop()
        if name in packages and name not in needed:
            needed.add(name)
            waiting += [match[0] for text in packages[name].depends if (match := _SPEC_NAME.match(text))]
    return tuple(packages[name] for name in sorted(needed))
