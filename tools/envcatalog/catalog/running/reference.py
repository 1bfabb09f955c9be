"""`run`: a command in an environment, in a container or, without an engine, in a virtual environment here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from envcatalog.catalog.content import Content
from envcatalog.catalog.history.reference import parse_reference
from envcatalog.catalog.lifecycle import refuse_archived_use
from envcatalog.model.environment import Environment
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.plan import ImagePlan
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog
    from envcatalog.run.attach import Streams
    from envcatalog.run.local.process import LocalProcess

Place = Literal["docker", "local"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run; what is None or empty follows the definition.

    Attributes:
        env: variables of the command, over the definition's.
        folder: the folder that the command works on; None for none.
        workdir: where the command starts, inside.
        volumes: ``SOURCE:TARGET[:ro]``, a path of the engine's machine or the name of a volume.
        ports: ``PORT``, ``HOST:PORT`` or ``ADDRESS:HOST:PORT``.
        user: ``me`` (the caller), ``image`` (the image's own), or ``UID[:GID]``.
        network: ``host``, ``none``, or a network of the engine.
        gpus: ``all``, a number, or ``none``.
        entrypoint: start the command through the image's entrypoint.
        registry: where versions are published; None for the settings'.
        register: make what the work tree says a version first.
        archived: run what is archived, too.
        tty: give the command the caller's terminal.
    """

    on: Place = "docker"
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    workdir: str | None = None
    volumes: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    user: str | None = None
    network: str | None = None
    gpus: str | None = None
    shm_size: str | None = None
    entrypoint: bool = False
    registry: str | None = None
    register: bool = False
    archived: bool = False
    tty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a command ended, and what it ran in.

    Attributes:
        version: None for what is no version.
        image: image digest; empty for what ran without an image.
    """

    environment: str
    version: int | None
    image: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An environment at a moment, ready to run.

    Attributes:
        version: the version that it is: named by the reference, or one of the same plan.
    """

    name: str
    content: Content
    plan: ImagePlan
    version: Version | None

    @property
    def environment(self) -> Environment:
        """The definition."""
        return self.content.environment(self.name)

    def variables(self, image: str) -> dict[str, str]:
        """What tells the command what it runs in; ENVCAT_VERSION is empty for what is no version."""
        return {
            "ENVCAT_ENVIRONMENT": self.name,
            "ENVCAT_VERSION": str(self.version.number) if self.version else "",
            "ENVCAT_PLAN": self.plan.digest,
            "ENVCAT_IMAGE": image,
        }


def run_reference(
    catalog: Catalog, reference: str, command: Sequence[str], options: RunOptions, streams: Streams
) -> RunResult:
    """Run a command to its end.

    Args:
        command: empty for the image's own, or locally the definition's.

    Raises:
        NotStarted: there is no such program.
        UserError: no engine, or no interpreter; an option that cannot be.
        Refusal: the lock is stale, or the environment is archived.
    """
    target = find_target(catalog, reference, options)
    if options.on == "local":
        from envcatalog.run.local.process import run_process

        return _result(target, "", run_process(local_process(catalog, target, command, options), streams))
    from envcatalog.catalog.running.docker import run_in_container

    image, code = run_in_container(catalog, target, tuple(command), options, streams)
    return _result(target, image, code)


def find_target(catalog: Catalog, reference: str, options: RunOptions) -> Target:
    """What is to run; registered first where that is asked for."""
    if not options.archived:
        refuse_archived_use(catalog.content, reference.partition("@")[0], "run")
    found = catalog.find(_registered(catalog, reference) if options.register else reference)
    plan = found.content.plan(found.name)
    version = found.version
    if version is None:
        same = (item for item in catalog.versions(found.name, gone=True) if item.plan == plan.digest)
        version = next(same, None)
    return Target(name=found.name, content=found.content, plan=plan, version=version)


def local_process(
    catalog: Catalog, target: Target, command: Sequence[str], options: RunOptions
) -> LocalProcess:
    """The process to start for a command that runs without an engine; its environment is made where need be."""
    from envcatalog.catalog.running.local import prepare

    refused = {
        "--volume": options.volumes,
        "--port": options.ports,
        "--user": options.user,
        "--network": options.network,
        "--gpus": options.gpus,
        "--shm-size": options.shm_size,
        "--entrypoint": options.entrypoint,
    }
    for option, value in refused.items():
        if value:
            raise UserError(f"`{option}` needs a container", "leave it out, or run with `--on docker`")
    return prepare(catalog, target, tuple(command), options)


def _registered(catalog: Catalog, reference: str) -> str:
    parsed = parse_reference(reference)
    if not parsed.is_worktree:
        raise UserError(
            f"`{reference[:80]}` is not what is on disk, and `--register` makes a version of what is",
            f"run `{parsed.name}`, or leave out `--register`",
        )
    [row] = catalog.register([parsed.name])
    if row.version is None:
        raise Refusal(f"`{parsed.name}` was not registered: {row.reason}", f"run `envcat plan {parsed.name}`")
    catalog.progress.step(f"{parsed.name}@{row.version} is what runs ({row.status})")
    return f"{parsed.name}@{row.version}"


def _result(target: Target, image: str, code: int) -> RunResult:
    number = target.version.number if target.version else None
    return RunResult(environment=target.name, version=number, image=image, exit_code=code)
