"""What to start in a container, as plain data, and how the engine's API spells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from envcatalog.model.errors import UserError

LABEL = "io.envcatalog.run"
NO_GPUS = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A folder or file of the engine's machine, by absolute path, or a volume of the engine, by name."""

    source: str
    target: str
    read_only: bool = False

    @property
    def is_volume(self) -> bool:
        """Whether `source` names a volume."""
        return not self.source.startswith("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of the container, and where it is reached."""

    container: int
    host: int
    address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPlan:
    """One container.

    Attributes:
        name: unique on the engine; known before the engine is asked, so that nothing can be left behind.
        image: what the engine knows the image by.
        command: empty for the image's own.
        entrypoint: whether the image's entrypoint starts `command`.
        user, workdir, network: None for the image's or the engine's own.
        shm_size: as in a definition, ``2g``.
        gpus: ``all``, a number, or None.
        stdin: whether the command can read anything; with a `tty` it has the caller's terminal.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    entrypoint: bool = False
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    ports: tuple[Port, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    workdir: str | None = None
    network: str | None = None
    shm_size: str | None = None
    gpus: str | None = None
    stdin: bool = False
    tty: bool = False


def create_arguments(client: Any, plan: ContainerPlan, *, init: bool) -> dict[str, Any]:
    """The arguments of the SDK's `create_container`.

    Args:
        init: whether the engine's own small init is process 1. It passes signals on, which the kernel would keep
            from a process 1 that has no handler for them.
    """
    own: dict[str, Any] = {}
    if plan.command and not plan.entrypoint:
        own = {"entrypoint": [plan.command[0]], "command": list(plan.command[1:])}
    elif plan.command:
        own = {"command": list(plan.command)}
    return {
        "image": plan.image,
        "name": plan.name,
        **own,
        "environment": [f"{name}={value}" for name, value in plan.env],
        "labels": {LABEL: "1", **dict(plan.labels)},
        "user": plan.user,
        "working_dir": plan.workdir,
        "ports": [(port.container, "tcp") for port in plan.ports],
        "stdin_open": plan.stdin,
        "tty": plan.tty,
        "host_config": _host_config(client, plan, init=init),
    }


def _host_config(client: Any, plan: ContainerPlan, *, init: bool) -> Any:
    from docker.types import DeviceRequest, LogConfig
    from docker.types import Mount as EngineMount

    mounts = [
        EngineMount(
            mount.target,
            mount.source,
            type="volume" if mount.is_volume else "bind",
            read_only=mount.read_only,
        )
        for mount in plan.mounts
    ]
    requests = []
    if plan.gpus and plan.gpus != NO_GPUS:
        count = -1 if plan.gpus == "all" else _number(plan.gpus)
        requests = [DeviceRequest(count=count, capabilities=[["gpu"]])]
    return client.create_host_config(
        auto_remove=True,
        init=init,
        mounts=mounts,
        port_bindings={port.container: (port.address, port.host) for port in plan.ports},
        network_mode=plan.network,
        shm_size=plan.shm_size,
        device_requests=requests or None,
        # The output goes to us as it comes; kept on the engine's disk it would be of no use to anyone.
        log_config=LogConfig(type="none"),
    )


def _number(gpus: str) -> int:
    if gpus.isascii() and gpus.isdigit() and int(gpus) > 0:
        return int(gpus)
    raise UserError(f"`{gpus[:40]}` is no number of GPUs", "write `all`, a number, or `none`")
