"""A run without an engine: what of an environment can be had here, and a note on what cannot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.image.runtime import ENV_ROOT
from envcatalog.model.environment import Environment, ImageBase
from envcatalog.model.errors import UserError
from envcatalog.model.lock import Wheel
from envcatalog.model.plan import PlatformPlan
from envcatalog.run.host import host_platform
from envcatalog.run.local import LocalProcess, find_program, local_variables
from envcatalog.run.local_venv import complete, kept_folder, make_venv

if TYPE_CHECKING:
    from envcatalog.catalog.running import RunOptions, Target
    from envcatalog.catalog.sdk import Catalog


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
    variables = {name: value for item in chain for name, value in item.variables}
    env = local_variables(os.environ, variables, prefix, prefix_inside=ENV_ROOT)
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


def _prefix(catalog: Catalog, target: Target, platform: PlatformPlan) -> Path | None:
    """The environment's folder; None for one without packages or interpreter."""
    python = target.plan.python
    if python is None:
        return None
    wheels = tuple(item for layer in platform.layers for item in layer.artefacts if isinstance(item, Wheel))
    with kept_folder(catalog.cache, target.plan.digest) as (folder, have):
        if not have:
            interpreter = make_venv(
                folder, python.version, wheels, catalog.workshop.artefacts, catalog.progress
            )
            complete(folder, interpreter)
        return folder / "env"


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
