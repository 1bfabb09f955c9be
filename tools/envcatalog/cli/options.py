"""Options that several commands share, as decorators."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envcatalog.cli.choice import OneOf
from envcatalog.model.errors import UserError

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog
    from envcatalog.model.seams import Progress

Command = Callable[..., Any]


def formats(*extra: str) -> Callable[[Command], Command]:
    """``--format text|json`` and the extra ones."""
    return click.option(
        "--format",
        "form",
        type=OneOf(["text", "json", *extra]),
        default="text",
        show_default=True,
        help="How to print what is found.",
    )


def catalog_options(command: Command) -> Command:
    """``-C DIR``, also after the command's name."""
    return click.option("-C", "directory", default=None, metavar="DIR", help="The catalog's folder.")(command)


def registry_option(command: Command) -> Command:
    """``--registry``, also after the command's name."""
    return click.option(
        "--registry",
        default=None,
        metavar="WHERE",
        help="`oci:DIR` or `HOST[:PORT]/PREFIX`; also $ENVCAT_REGISTRY.",
    )(command)


def names_argument(command: Command) -> Command:
    """Any number of environment names; none means all."""
    return click.argument("names", nargs=-1, metavar="[NAME]...")(command)


def references_argument(command: Command) -> Command:
    """Any number of environment names, or references to one commit; none means all."""
    return click.argument("names", nargs=-1, metavar="[REF]...")(command)


def shard_option(command: Command) -> Command:
    """``--shard i/n``."""
    return click.option(
        "--shard", metavar="I/N", help="Only part I of N: disjoint parts that are everything together."
    )(command)


def builder_option(command: Command) -> Command:
    """``--builder``."""
    return click.option(
        "--builder",
        type=OneOf(["embedded", "docker"]),
        help="Build with this one; otherwise a Dockerfile is built by docker, and all else as its definition says.",
    )(command)


def build_options(command: Command) -> Command:
    """``--builder``, and what a Docker Engine's builds are given."""
    for option in (
        click.option(
            "--build-timeout",
            type=click.FloatRange(min=1),
            default=3600.0,
            show_default=True,
            metavar="SECONDS",
            help="How long a Docker Engine's build of one image may take.",
        ),
        click.option(
            "--network",
            type=OneOf(["default", "host", "none"]),
            default="default",
            show_default=True,
            help="The network of a Dockerfile's RUN steps.",
        ),
        click.option(
            "--secret",
            "secrets",
            multiple=True,
            metavar="id=NAME,src=FILE",
            help="A secret for RUN --mount=type=secret; or `id=NAME,env=VARIABLE`. It is in no layer and no log.",
        ),
    ):
        command = option(command)
    return builder_option(command)


def set_build_options(
    catalog: Catalog, builder: str | None, secrets: tuple[str, ...], network: str, build_timeout: float
) -> None:
    """Tell the catalog what `build_options` says."""
    from envcatalog.model.docker import BuildOptions
    from envcatalog.run.engine.secrets import read_secrets

    catalog.builder = builder  # type: ignore[assignment]
    catalog.build_options = BuildOptions(
        secrets=read_secrets(secrets, os.environ),
        network=network,  # type: ignore[arg-type]
        timeout=build_timeout,
    )


def chosen_names(catalog: Catalog, names: tuple[str, ...], shard: str | None) -> tuple[str, ...] | None:
    """What a command is about; None where the part of the catalog that is asked for is empty."""
    if shard is None:
        return names
    from envcatalog.catalog.publishing.sharding import read_shard, shard_names

    return shard_names(catalog.content, names, read_shard(shard)) or None


def chosen_folder(ctx: click.Context, directory: str | None) -> Path:
    """`-C` after the command wins over `-C` before it; the current folder otherwise."""
    chosen = directory or (ctx.obj or {}).get("directory")
    folder = Path(chosen) if chosen else Path.cwd()
    if not folder.is_dir():
        raise UserError(f"there is no folder `{chosen}`")
    return folder.absolute()


def chosen_registry(ctx: click.Context, registry: str | None) -> str | None:
    """What the operator said: the option, else the environment variable; never what a file says."""
    return registry or (ctx.obj or {}).get("registry") or os.environ.get("ENVCAT_REGISTRY") or None


def open_catalog(ctx: click.Context, directory: str | None) -> Catalog:
    """The catalog in the chosen folder; closed with the command."""
    from envcatalog.catalog.sdk import Catalog

    return ctx.with_resource(Catalog.open(chosen_folder(ctx, directory), progress=progress()))


def progress() -> Progress:
    """Lines on stderr, or a live display on a terminal."""
    from envcatalog.report.progress import progress_for

    return progress_for(sys.stderr, os.environ)


def colour() -> bool:
    """Whether stdout takes colour."""
    from envcatalog.report.style import wants_colour

    return wants_colour(sys.stdout, os.environ)


def emit(text: str) -> None:
    """Data on stdout, with one line end; nothing for nothing."""
    if text:
        click.echo(text.removesuffix("\n"))
