"""`envcat run`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from envcatalog.cli.choice import OneOf
from envcatalog.cli.options import catalog_options, chosen_registry, open_catalog, registry_option
from envcatalog.model.errors import UserError

if TYPE_CHECKING:
    from envcatalog.run.attach import Streams


class _RunCommand(click.Command):
    """Tells whoever leaves the ``--`` out where it belongs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:  # one of ours, mistyped
                raise
            raise UserError(
                f"`envcat run` has no option `{error.option_name}`",
                "what belongs to the command comes after `--`: `envcat run REF -- CMD`",
            ) from None


@click.command("run", cls=_RunCommand)
@click.argument("reference", metavar="REF")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[--] [CMD]...")
@click.option("--on", type=OneOf(["docker", "local"]), default="docker", show_default=True,
              help="In a container, or in a virtual environment on this machine.")  # fmt: skip
@click.option("--env", "variables", multiple=True, metavar="NAME[=VALUE]",
              help="A variable of the command; without a value it is the caller's.")  # fmt: skip
@click.option("--folder", default=".", metavar="DIR", show_default=True,
              help="What the command works on, mounted at /workspace; `none` for nothing.")  # fmt: skip
@click.option("--workdir", metavar="DIR", help="Where the command starts, inside.")
@click.option("--volume", "volumes", multiple=True, metavar="SOURCE:TARGET[:ro]",
              help="A further folder, file, or volume of the engine.")  # fmt: skip
@click.option("--port", "ports", multiple=True, metavar="[[ADDRESS:]HOST:]PORT",
              help="A port to publish, on 127.0.0.1 unless an address is given.")  # fmt: skip
@click.option("--user", metavar="USER", help="`me`, `image`, or UID[:GID]; else the definition's, else you.")
@click.option("--network", metavar="NAME", help="`host`, `none`, or a network of the engine.")
@click.option("--gpus", metavar="N", help="`all`, a number, or `none`, over the definition's.")
@click.option("--shm-size", metavar="SIZE", help="Size of /dev/shm, such as `2g`, over the definition's.")
@click.option("--entrypoint", is_flag=True, help="Start CMD through the image's entrypoint.")
@click.option("--register", is_flag=True, help="Make what is on disk a version first, and run that.")
@click.option("--archived", is_flag=True, help="Run what is archived, too.")
@registry_option
@catalog_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    reference: str,
    arguments: tuple[str, ...],
    variables: tuple[str, ...],
    folder: str,
    registry: str | None,
    directory: str | None,
    on: Literal["docker", "local"],
    **more: Any,
) -> int:
    """Run CMD in the environment at REF, on the files of the current folder.

    The image is the published one, by digest, where REF is a version; what is not published is built first. Exit code
    and signals are the command's; 2 is also our own error, 127 a program that is not there. Without CMD the image's own
    command runs. The command finds in ENVCAT_ENVIRONMENT, ENVCAT_VERSION and ENVCAT_IMAGE what it runs in.

    \b
    envcat run sklearn@3 -- python train.py
    envcat run sklearn --on local -- python train.py
    """
    from envcatalog.catalog.running.reference import RunOptions, find_target, local_process, run_reference

    catalog = open_catalog(ctx, directory)
    streams, tty = _streams()
    options = RunOptions(
        on=on,
        env=dict(_variable(text) for text in variables),
        folder=None if folder == "none" else Path(folder).absolute(),
        registry=chosen_registry(ctx, registry),
        tty=tty,
        **more,
    )
    if on == "local" and (ctx.obj or {}).get("own_process"):
        from envcatalog.run.local.process import become

        process = local_process(catalog, find_target(catalog, reference, options), arguments, options)
        catalog.close()
        become(process)
    return run_reference(catalog, reference, arguments, options, streams).exit_code


def _streams() -> tuple[Streams, bool]:
    """Ours, and whether they are a terminal that the command can have."""
    from envcatalog.run.attach import Streams, binary
    from envcatalog.run.terminal import in_foreground, is_terminal

    try:
        stdin: int | None = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        stdin = None
    if stdin is not None and os.isatty(stdin) and not in_foreground(stdin):
        stdin = None
    try:
        tty = stdin is not None and is_terminal(stdin, sys.stdout.fileno())
    except (OSError, ValueError):
        tty = False
    return Streams(stdin=stdin, stdout=binary(sys.stdout), stderr=binary(sys.stderr)), tty


def _variable(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not name.replace("_", "a").isalnum() or not name.isascii() or name[0].isdigit():
        raise UserError(f"`{text[:80]}` is no variable", "write `NAME=VALUE`, or `NAME` for the caller's")
    if given:
        return name, value
    if name not in os.environ:
        raise UserError(f"`{name}` is not set here", f"write `--env {name}=VALUE`")
    return name, os.environ[name]
