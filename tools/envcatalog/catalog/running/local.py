"""A run without an engine: what of an environment can be had here, and a note on what cannot."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from envcatalog.image.runtime import ENV_ROOT
from envcatalog.model.environment import Environment, ImageBase
from envcatalog.model.errors import UserError
from envcatalog.model.host import host_platform
from envcatalog.model.lock import CondaPackage, Wheel
from envcatalog.model.plan import PlatformPlan
from envcatalog.run.local.process import LocalProcess, find_program, local_variables
from envcatalog.run.local.venv import add_wheels, complete, kept_folder, make_venv

if TYPE_CHECKING:
    from envcatalog.catalog.running.reference import RunOptions, Target
    from envcatalog.catalog.sdk import Catalog

_Kind = TypeVar("_Kind")


def prepare(catalog: Catalog, target: Target, command: tuple[str, ...], options: RunOptions) -> LocalProcess:
    """The process for a command, with the virtual environment in the cache; made at the first run of a plan.

    Raises:
        NotStarted: there is no such program.
        UserError: the environment is a Dockerfile's, is not made for this machine, or needs a Python that is not here.
        Refusal: a locked file is gone.
    """
    chain = target.content.chain(target.name)
    for environment in chain:
        if environment.managed == "user":
            raise UserError(
                f"what `{environment.name}` holds is known to its image alone", "run with `--on docker`"
            )
    platform = _platform(target)
    missing = [*_missing(chain)]
    if missing:
        catalog.progress.step(f"note: not had without an engine: {', '.join(missing)}")
    prefix = _prefix(catalog, target, platform)
    folder = (options.folder or Path.cwd()).absolute()
    own, places = _variables(chain, platform)
    env = local_variables(os.environ, places | own, prefix, prefix_inside=ENV_ROOT)
    env |= target.variables("") | dict(options.env)
    words = command or _own_command(chain)
    if not words:
        raise UserError(f"`{target.name}` has no command of its own", "say what to run after `--`")
    start = (folder / options.workdir) if options.workdir else folder
    if not start.is_dir():
        raise UserError(f"there is no folder `{start}`")
    program = find_program(words, path=env.get("PATH", os.defpath), folder=start)
    return LocalProcess(program=program, command=words, env=tuple(env.items()), folder=start)


def _platform(target: Target) -> PlatformPlan:
    here = host_platform()
    for platform in target.plan.platforms:
        if platform.platform == here:
            return platform
    raise UserError(
        f"`{target.name}` is not made for `{here}`, which this machine is", "run with `--on docker`"
    )


def _missing(chain: tuple[Environment, ...]) -> Iterator[str]:
    """What belongs to a system, not to a user's folder; in the words of the definitions."""
    base = chain[0].base
    if isinstance(base, ImageBase):
        yield f"the image `{base.image}`"
    apt = sorted({name for environment in chain for name in environment.apt})
    if apt:
        yield f"the Debian packages {', '.join(apt)}"
    if any(environment.r for environment in chain):
        yield "R and its packages"
    if any(environment.spark for environment in chain) and not _has_java():
        yield "Java"


def _has_java() -> bool:
    """As Spark's own programs look for it."""
    home = os.environ.get("JAVA_HOME")
    return os.access(f"{home}/bin/java", os.X_OK) if home else shutil.which("java") is not None


def _prefix(catalog: Catalog, target: Target, platform: PlatformPlan) -> Path | None:
    """The environment's folder; None for one without packages or interpreter."""
    wheels = tuple(_artefacts(platform, Wheel))
    conda = tuple(_artefacts(platform, CondaPackage))
    python = target.plan.python
    if python is None and not conda:
        return None
    with kept_folder(catalog.cache, target.plan.digest) as (folder, have):
        if not have:
            interpreter, artefacts = "", catalog.workshop.artefacts
            if conda:
                from envcatalog.run.local.conda import make_prefix

                make_prefix(folder, catalog.cache, conda, artefacts, catalog.progress)
            else:
                assert python is not None
                interpreter = make_venv(folder, python.version, catalog.progress)
            add_wheels(folder, wheels, artefacts, catalog.progress)
            _add_own_layers(catalog, target, platform, folder / "env")
            complete(folder, interpreter)
        return folder / "env"


def _add_own_layers(catalog: Catalog, target: Target, platform: PlatformPlan, prefix: Path) -> None:
    """Spark, its jars and properties, which are neither wheels nor conda packages."""
    own = tuple(
        layer
        for layer in platform.layers
        if layer.kind in ("spark", "jars") or (layer.texts and not layer.links)
    )
    if not any(layer.kind == "spark" for layer in own):
        return
    from envcatalog.run.local.layers import add_layers

    alone = replace(target.plan, platforms=(replace(platform, base=None, layers=own),), builder="embedded")
    built = catalog.workshop.build(target.content, alone, {})
    add_layers((layer.path for layer in built.platforms[0].layers if layer.path), prefix)


def _artefacts(platform: PlatformPlan, kind: type[_Kind]) -> Iterator[_Kind]:
    for layer in platform.layers:
        yield from (item for item in layer.artefacts if isinstance(item, kind))


def _variables(
    chain: tuple[Environment, ...], platform: PlatformPlan
) -> tuple[dict[str, str], dict[str, str]]:
    """The definition's, and those of the image that name a place in the environment."""
    own = {name: value for item in chain for name, value in item.variables}
    places = {
        name: value
        for name, value in platform.config.env
        if value == ENV_ROOT or value.startswith(f"{ENV_ROOT}/")
    }
    places.pop("PATH", None)
    return own, places


def _own_command(chain: tuple[Environment, ...]) -> tuple[str, ...]:
    """Entrypoint and command as an image of them has."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    for environment in chain:
        container = environment.container
        if container.entrypoint:
            entrypoint, command = container.entrypoint, ()
        command = container.command or command
    return entrypoint + command
