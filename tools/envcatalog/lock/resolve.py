"""Environment to Lock: base, Debian and conda packages, interpreter and wheels, each solved only when it must be.

For each part the lock keeps a digest of what the part was solved from. A part whose inputs are as they were
is taken over from the previous lock without asking anyone: an edit of one Python package needs no Debian
mirror, and goes on working when the mirror has long superseded the locked files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from envcatalog.definition.canonical import definition_digest
from envcatalog.lock.debian.policy import BASE_PACKAGES
from envcatalog.lock.images import ImageResolver, host_bytecode, lock_image
from envcatalog.lock.parent import Parent
from envcatalog.lock.provided import Provided
from envcatalog.lock.pypi import WheelRequest, lock_wheels
from envcatalog.lock.work import Work
from envcatalog.model.environment import Environment, EnvironmentBase, ImageBase
from envcatalog.model.errors import Refusal
from envcatalog.model.files import FolderFile
from envcatalog.model.lock import (
    Bytecode,
    CondaPackage,
    Deb,
    Lock,
    LockedEnvironment,
    LockedFile,
    LockedImage,
    PlatformLock,
    Wheel,
)
from envcatalog.model.seams import Progress
from envcatalog.model.settings import Settings

__all__ = ["Parent", "lock_environment"]

CondaByPlatform = Mapping[str, tuple[CondaPackage, ...]]


def lock_environment(
    environment: Environment,
    *,
    settings: Settings,
    parent: Parent | None,
    previous: Lock | None,
    upgrade: bool,
    upgrade_packages: frozenset[str],
    images: ImageResolver,
    cache: Path,
    progress: Progress,
    files: Sequence[FolderFile] = (),
) -> Lock:
    """Lock one environment.

    Args:
        parent: what it inherits; None unless its base is an environment.
        previous: its last lock; versions in it are kept, unless upgraded.
        upgrade: take the newest of everything: base image, Debian and conda packages, wheels.
        upgrade_packages: names of Debian and conda packages and Python projects to take the newest of.

        files: of the environment's folder.

    Raises:
        Refusal: no solution, a wrong signature, a file that is gone; the message names the package.
        UserError: an index, mirror or registry cannot be reached.
    """
    work = Work(
        environment=environment,
        settings=settings,
        parent=parent,
        previous=previous,
        upgrade=upgrade,
        # a Python project may be named in any spelling (PEP 503); a Debian package has only one
        upgrade_packages=upgrade_packages
        | {re.sub(r"[-_.]+", "-", name).lower() for name in upgrade_packages},
        cache=cache,
        progress=progress,
        files=tuple(files),
    )
    base = _lock_base(work, images)
    debs = _lock_debs(work)
    conda = _lock_conda(work)
    bytecode = _lock_bytecode(work, conda)
    compiler = bytecode or (parent.bytecode if parent else None)
    locked_files, files_input = _lock_files(work)
    wheels = _lock_wheels(work, compiler, conda, locked_files)
    inputs = {
        "debs": work.debs_input(),
        "bytecode": work.bytecode_input() if bytecode else None,
        "wheels": work.wheels_input(compiler, conda, locked_files),
        "files": files_input,
    }
    if environment.conda is not None:
        from envcatalog.lock.conda.resolve import conda_input

        inputs["conda"] = conda_input(work)
    return Lock(
        definition=definition_digest(environment),
        base=base,
        bytecode=bytecode,
        platforms=tuple(
            PlatformLock(
                platform=name,
                debs=debs.get(name, ()),
                conda=conda.get(name, ()),
                wheels=wheels.get(name, ()),
                files=locked_files,
            )
            for name in sorted(environment.platforms)
        ),
        inputs=tuple((part, digest) for part, digest in sorted(inputs.items()) if digest is not None),
    )


def _lock_base(work: Work, images: ImageResolver) -> LockedImage | LockedEnvironment | None:
    base, platforms = work.environment.base, tuple(sorted(work.environment.platforms))
    if isinstance(base, EnvironmentBase):
        if work.parent is None:
            raise ValueError(f"{work.environment.name} is locked without its base {base.environment}")
        return LockedEnvironment(environment=base.environment, plan=work.parent.plan_digest)
    if not isinstance(base, ImageBase):
        return None
    last = work.previous.base if work.previous else None
    wanted = work.upgrade or base.image in work.upgrade_packages
    if isinstance(last, LockedImage) and last.image == base.image and not wanted:
        known = dict(last.manifests)
        if set(platforms) <= set(known):
            return replace(last, manifests=tuple((name, known[name]) for name in platforms))
    work.progress.step(f"looking up the base image {base.image}")
    return lock_image(base, platforms, images)


def _lock_debs(work: Work) -> Mapping[str, tuple[Deb, ...]]:
    if work.suite is None and work.environment.apt:
        raise Refusal(
            f"`{work.environment.name}` asks for Debian packages but has no Debian base",
            "set `base: {debian: bookworm}`, or leave `apt` out",
        )
    digest = work.debs_input()
    if digest is None or work.suite is None:
        return {}
    last = {item.platform: item.debs for item in work.previous.platforms} if work.previous else {}
    # An old lock may lack a package that a Debian base has since, and gains it when that is named.
    names = [*(deb.name for debs in last.values() for deb in debs), *(() if work.parent else BASE_PACKAGES)]
    keep = last if work.unchanged("debs", digest, names) else {}
    missing = tuple(name for name in sorted(work.environment.platforms) if name not in keep)
    if not missing:
        return keep
    from envcatalog.lock.debian.solve import lock_debian

    found = lock_debian(
        work.suite,
        work.deb_names(),
        platforms=missing,
        settings=work.settings,
        present={name: work.parent.debs(name) if work.parent else () for name in missing},
        previous=last,
        upgrade=work.upgrade,
        upgrade_packages=work.upgrade_packages,
        cache=work.cache,
        progress=work.progress,
        complete=work.runs_scripts,
    )
    return {**keep, **found}


def _lock_conda(work: Work) -> CondaByPlatform:
    if work.environment.conda is None:
        return {}
    from envcatalog.lock.conda.resolve import lock_conda

    return lock_conda(work)


def _lock_bytecode(work: Work, conda: CondaByPlatform) -> Bytecode | None:
    if work.uses_conda:
        from envcatalog.lock.conda.resolve import conda_bytecode

        return conda_bytecode(work, conda)
    digest, python = work.bytecode_input(), work.environment.python
    if digest is None or python is None:
        return None
    last = work.previous.bytecode if work.previous else None
    names = [deb.name for _, debs in last.interpreters for deb in debs] if last else []
    if last is not None and work.unchanged("bytecode", digest, names):
        return last
    if work.suite is None:
        return host_bytecode(python.version, work.cache)
    from envcatalog.lock.debian.solve import lock_interpreters

    return lock_interpreters(
        work.suite,
        python.version,
        settings=work.settings,
        cache=work.cache,
        progress=work.progress,
        previous=last if last and last.interpreters else None,
        upgrade=work.upgrade,
        upgrade_packages=work.upgrade_packages,
    )


def _lock_files(work: Work) -> tuple[tuple[LockedFile, ...], str | None]:
    if work.environment.spark is None:
        return (), None
    from envcatalog.lock.fetch import ArtefactStore
    from envcatalog.lock.spark import lock_files

    return lock_files(work, ArtefactStore(work.cache, work.settings, work.progress))


def _lock_wheels(
    work: Work, bytecode: Bytecode | None, conda: CondaByPlatform, files: Sequence[LockedFile]
) -> Mapping[str, tuple[Wheel, ...]]:
    digest = work.wheels_input(bytecode, conda, files)
    if digest is None or bytecode is None:
        return {}
    last = {item.platform: item.wheels for item in work.previous.platforms} if work.previous else {}
    names = [wheel.name for wheels in last.values() for wheel in wheels]
    keep = last if work.unchanged("wheels", digest, names) else {}
    found = dict(keep)
    spark = () if set(work.environment.platforms) <= set(keep) else _provided_spark(work, files)
    for platform in sorted(work.environment.platforms):
        if platform in keep:
            continue
        # a new platform takes the versions that the others have
        known = last.get(platform) or next(iter(last.values()), ())
        preferred = [wheel for wheel in known if wheel.name not in work.upgrade_packages]
        request = WheelRequest(
            requirements=tuple(work.requirements(files)),
            python=bytecode.python,
            platform=platform,
            glibc=work.glibc,
            installed=work.parent.wheels(platform) if work.parent else (),
            parent=work.parent.environment if work.parent else "",
            preferred=() if work.upgrade else tuple(preferred),
            provided=(*_provided(work, platform, conda), *spark),
        )
        work.progress.step(f"resolving Python packages for {platform}")
        found[platform] = lock_wheels(request, settings=work.settings, cache=work.cache)
    return found


def _provided(work: Work, platform: str, conda: CondaByPlatform) -> tuple[Provided, ...]:
    """Python projects that are there without being wheels."""
    if not work.uses_conda:
        return ()
    from envcatalog.lock.conda.resolve import conda_projects

    return conda_projects(work, platform, conda.get(platform, ()))


def _provided_spark(work: Work, files: Sequence[LockedFile]) -> tuple[Provided, ...]:
    archive = work.archive(files)
    if archive is None:
        return ()
    from envcatalog.lock.fetch import ArtefactStore
    from envcatalog.lock.pyspark import provided

    store = ArtefactStore(work.cache, work.settings, work.progress)
    return (provided(store.path(archive), archive.file, archive.version),)
