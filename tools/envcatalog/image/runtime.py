"""What an image is started with, from a definition: variables, user, command, ports and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from envcatalog.model.environment import Environment
from envcatalog.model.image import KEY_ENVIRONMENT, KEY_PLAN
from envcatalog.model.lock import LockedImage
from envcatalog.model.plan import PythonTarget, RuntimeConfig

LABEL = "io.envcatalog."
ENV_ROOT = "/opt/env"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BASE_PATH = "${PATH}"  # in the variable PATH alone: what the base has there

# Not root, and a number: of a name Kubernetes cannot tell whether `runAsNonRoot` holds, and a mounted folder
# mostly belongs to the first user of its host. The root layer has this user with the home folder.
DEBIAN_USER = "1000:1000"
DEBIAN_HOME = "/home/app"


def runtime_config(
    environment: Environment,
    *,
    plan: str,
    python: PythonTarget | None,
    base: LockedImage | None,
    parent: RuntimeConfig | None,
    adds_python: bool,
    adds_conda: bool = False,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> RuntimeConfig:
    """The configuration of one environment, its parent's included.

    Args:
        python: the interpreter of the image, its own or its parent's.
        base: the base image, when the environment itself names one.
        parent: the parent environment's configuration.
        adds_python: the environment, and not its parent, has the interpreter.
        adds_conda: it has conda packages. Nothing activates their environment, so that scripts for activation do not
            run; what programs look for, ``CONDA_PREFIX``, is set.
        variables: what its layers ask for, such as ``JAVA_HOME``; the definition's own win.

    A Debian base starts as the user 1000 in ``/home/app`` with ``LANG=C.UTF-8`` and, if it has Python, with
    ``python``; the definition wins. An entrypoint without a command drops the inherited command, as
    ``ENTRYPOINT`` in a Dockerfile does.
    """
    container = environment.container
    below = parent or _defaults(environment, base, python)
    entrypoint = container.entrypoint or None
    inherited_command = None if entrypoint else below.command
    ports = set(below.ports) | set(container.ports)
    if environment.inference:
        ports.add(environment.inference.port)
    return RuntimeConfig(
        env=_env(environment, below, variables, adds_python=adds_python, adds_conda=adds_conda),
        user=container.user or below.user,
        workdir=container.workdir or below.workdir,
        entrypoint=entrypoint or below.entrypoint,
        command=container.command or inherited_command,
        ports=tuple(sorted(ports)),
        labels=tuple(
            sorted({**dict(below.labels), **dict(_labels(environment, plan, python, base))}.items())
        ),
    )


def expand_path(value: str, base: str) -> str:
    """A value of the variable PATH with the base's own in its place."""
    return value.replace(BASE_PATH, base)


def _defaults(
    environment: Environment, base: LockedImage | None, python: PythonTarget | None
) -> RuntimeConfig:
    if base is not None:
        return RuntimeConfig()
    return RuntimeConfig(
        env=(("LANG", "C.UTF-8"), ("PATH", SYSTEM_PATH)),
        user=DEBIAN_USER,
        workdir=DEBIAN_HOME,
        command=("python",) if python and not environment.container.entrypoint else None,
    )


def _env(
    environment: Environment,
    below: RuntimeConfig,
    variables: Mapping[str, str],
    *,
    adds_python: bool,
    adds_conda: bool,
) -> tuple[tuple[str, str], ...]:
    values = dict(below.env) | dict(variables)
    own = dict(environment.variables)
    inherited = values.get("PATH", BASE_PATH)
    variable = "CONDA_PREFIX" if adds_conda else "VIRTUAL_ENV"
    if adds_python or (adds_conda and variable not in values):
        inherited = f"{ENV_ROOT}/bin:{inherited}"
        values |= {"PATH": inherited, variable: ENV_ROOT}
    if "PATH" in own:
        own["PATH"] = expand_path(own["PATH"], inherited)
    return tuple(sorted((values | own).items()))


def _labels(
    environment: Environment, plan: str, python: PythonTarget | None, base: LockedImage | None
) -> Iterator[tuple[str, str]]:
    yield "org.opencontainers.image.title", environment.name
    yield KEY_ENVIRONMENT, environment.name
    yield KEY_PLAN, plan
    if python:
        yield LABEL + "python", python.version
    if base:
        yield "org.opencontainers.image.base.digest", base.digest
        if not base.image.startswith("oci:"):  # a folder of one machine says nothing elsewhere
            yield "org.opencontainers.image.base.name", base.image
    for name, value in (
        ("shm-size", environment.container.shm_size),
        ("gpus", environment.container.gpus),
    ):
        if value:
            yield LABEL + name, value
    inference = environment.inference
    if inference:
        yield LABEL + "inference.port", str(inference.port)
        for name, value in (
            ("liveness", inference.liveness),
            ("readiness", inference.readiness),
            ("scoring", inference.scoring),
        ):
            if value:
                yield LABEL + f"inference.{name}", value
