"""A run under an engine: what of the container the definition decides, and what the caller."""

from __future__ import annotations

import os
import re
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envcatalog.catalog.running.image import engine_image
from envcatalog.model.errors import UserError
from envcatalog.run.containers.plan import ContainerPlan, Mount, Port
from envcatalog.run.containers.run import open_engine, run_container

if TYPE_CHECKING:
    from envcatalog.catalog.running.reference import RunOptions, Target
    from envcatalog.catalog.sdk import Catalog
    from envcatalog.run.attach import Streams

WORKSPACE = "/workspace"
LOOPBACK = "127.0.0.1"
_PORT = re.compile(
    r"(?:(?:(?P<address>\[[0-9a-fA-F:.]+\]|[0-9.]+):)?(?P<host>[0-9]{1,5}):)?(?P<port>[0-9]{1,5})\Z", re.ASCII
)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?\Z", re.ASCII)


def run_in_container(
    catalog: Catalog, target: Target, command: tuple[str, ...], options: RunOptions, streams: Streams
) -> tuple[str, int]:
    """The image's digest, and the command's exit code; errors as `running.run_reference`."""
    with open_engine() as client:
        volumes = [_volume(text) for text in options.volumes]
        asked = [_port(text) for text in options.ports]
        image = engine_image(catalog, client, target, options.registry)
        user = _user(client, target, options)
        plan = ContainerPlan(
            name=f"envcat-{target.name[:40]}-{secrets.token_hex(6)}",
            image=image.identity,
            command=command,
            entrypoint=options.entrypoint,
            env=tuple(_variables(target, options, image.digest, user).items()),
            mounts=(*_workspace(catalog, options, user), *volumes),
            ports=_ports(catalog, client, target, options, asked),
            labels=(("io.envcatalog.run.environment", target.name),),
            user=user,
            workdir=options.workdir or (WORKSPACE if command and options.folder else None),
            network=options.network,
            shm_size=options.shm_size or _label(target, "shm-size"),
            gpus=options.gpus or _label(target, "gpus"),
            stdin=streams.stdin is not None,
            tty=options.tty,
        )
        return image.digest, run_container(client, plan, streams)


def _variables(target: Target, options: RunOptions, digest: str, user: str | None) -> dict[str, str]:
    values = target.variables(digest)
    if user and user != _own_user(target) and user.partition(":")[0] not in ("0", "root"):
        # A number that the image knows nothing of has `/` as its home, where it may not write.
        inherited = {name for item in target.content.chain(target.name) for name, _ in item.variables}
        if "HOME" not in inherited:
            values["HOME"] = "/tmp"  # noqa: S108
    return values | dict(options.env)


def _label(target: Target, name: str) -> str | None:
    """What the definition, or one that it inherits from, says."""
    return dict(target.plan.platforms[0].config.labels).get(f"io.envcatalog.{name}")


def _own_user(target: Target) -> str | None:
    """The user that a definition names; not the one that a base starts with."""
    users = (item.container.user for item in reversed(target.content.chain(target.name)))
    return next((user for user in users if user), None)


def _user(client: Any, target: Target, options: RunOptions) -> str | None:
    """The option's, else the definition's, else the caller, so that the files it makes are the caller's."""
    chosen = options.user or _own_user(target) or ("me" if options.folder else "image")
    if chosen == "image":
        return None
    if chosen != "me":
        if not _USER.match(chosen):
            raise UserError(f"`{chosen[:40]}` is no user", "write `me`, `image`, or `UID:GID`")
        return chosen
    if not hasattr(os, "getuid"):
        return None
    if any("name=rootless" in item for item in client.info().get("SecurityOptions") or ()):
        return "0:0"  # the root of a rootless engine's containers is the caller
    return f"{os.getuid()}:{os.getgid()}"


def _workspace(catalog: Catalog, options: RunOptions, user: str | None) -> tuple[Mount, ...]:
    folder = options.folder
    if folder is None:
        return ()
    if not folder.is_dir():
        raise UserError(f"there is no folder `{folder}`")
    number = (user or "").partition(":")[0]
    if number.isdigit() and int(number) and not _may_write(folder, int(number)):
        catalog.progress.step(
            f"note: the command runs as user {number}, who may not write in `{folder}`; `--user me` runs it as you"
        )
    return (Mount(source=str(folder.resolve()), target=WORKSPACE),)


def _may_write(folder: Path, user: int) -> bool:
    status = folder.stat()
    if status.st_uid == user:
        return bool(status.st_mode & 0o200)
    return bool(status.st_mode & 0o022) or user == os.getuid()


def _volume(text: str) -> Mount:
    """``SOURCE:TARGET[:ro]``; a source with a slash, or ``.``, is a path here."""
    parts = text.split(":")
    if (
        len(parts) not in (2, 3)
        or not parts[0]
        or not parts[1].startswith("/")
        or parts[2:] not in ([], ["ro"])
    ):
        raise UserError(f"`{text[:80]}` is no volume", "write `SOURCE:/TARGET` or `SOURCE:/TARGET:ro`")
    source = parts[0]
    if "/" in source or source in (".", ".."):
        path = Path(source).expanduser().absolute()
        if not path.exists():
            raise UserError(f"there is no `{source}` to mount")
        source = str(path)
    return Mount(source=source, target=parts[1], read_only=len(parts) == 3)


def _port(text: str) -> Port:
    """``PORT``, ``HOST:PORT`` or ``ADDRESS:HOST:PORT``."""
    match = _PORT.match(text)
    numbers = [int(match["host"] or match["port"]), int(match["port"])] if match else [0]
    if match is None or not all(0 < number < 65536 for number in numbers):
        raise UserError(f"`{text[:40]}` is no port", "write `PORT`, `HOST:PORT` or `ADDRESS:HOST:PORT`")
    address = (match["address"] or LOOPBACK).strip("[]")
    return Port(container=numbers[1], host=numbers[0], address=address)


def _ports(
    catalog: Catalog, client: Any, target: Target, options: RunOptions, asked: list[Port]
) -> tuple[Port, ...]:
    """What was asked for, then the definition's, each at its own number where that is free."""
    if options.network in ("host", "none"):
        return ()
    have = {port.container for port in asked}
    own = [number for number in target.plan.platforms[0].config.ports if number not in have]
    if not asked and not own:
        return ()
    if options.network is None and not client.networks(names=["bridge"]):
        if asked:
            raise UserError(
                "the engine has no bridge network, so it can publish no port", "run with `--network host`"
            )
        return ()
    ports = (*asked, *(Port(container=port, host=_free_port(port)) for port in own))
    for port in ports:
        catalog.progress.step(f"port {port.container} is reached at {port.address}:{port.host}")
    return ports


def _free_port(wanted: int) -> int:
    """The wanted one, or another where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for number in (wanted, 0):
            try:
                probe.bind((LOOPBACK, number))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UserError("no port is free")
