"""`envcat publish`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envcatalog.cli.choice import OneOf
from envcatalog.cli.options import (
    build_options,
    catalog_options,
    chosen_names,
    chosen_registry,
    colour,
    emit,
    formats,
    names_argument,
    open_catalog,
    registry_option,
    set_build_options,
    shard_option,
)
from envcatalog.model.errors import EXIT_NO

if TYPE_CHECKING:
    from envcatalog.catalog.publishing.executing import Executor
    from envcatalog.model.result import Published


@click.command("publish")
@names_argument
@click.option(
    "--checks",
    type=OneOf(["auto", "engine", "namespace", "skip"]),
    default="auto",
    show_default=True,
    help="Where the definition's checks run: an engine if there is one, else an unprivileged namespace.",
)
@click.option("-m", "--message", default="", help="What the version's tag says.")
@click.option("--archived", is_flag=True, help="Publish what is archived, too.")
@shard_option
@click.option(
    "--executor",
    default="inline",
    show_default=True,
    metavar="WHERE",
    help="Where builds run: `inline`, `processes:N`, or `dask://HOST:PORT` (extra `dask`).",
)
@build_options
@catalog_options
@registry_option
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    checks: str,
    message: str,
    archived: bool,
    shard: str | None,
    executor: str,
    builder: str | None,
    secrets: tuple[str, ...],
    network: str,
    build_timeout: float,
    directory: str | None,
    registry: str | None,
    form: str,
) -> int:
    """Build what changed in the current commit, check it, and publish it as the next version.

    The order is: blobs, manifest by digest, the version's Git tag (pushed first where there is a remote), registry
    tag N, moving tags. The same command run again finishes what was interrupted; what is published never changes.
    """
    catalog = open_catalog(ctx, directory)
    if secrets and executor != "inline":
        raise click.UsageError("--secret needs the executor `inline`: a secret does not travel")
    set_build_options(catalog, builder, secrets, network, build_timeout)
    chosen = chosen_names(catalog, names, shard)
    where = chosen_registry(ctx, registry)
    rows: tuple[Published, ...] = ()
    if chosen is not None:
        rows = catalog.publish(
            chosen,
            registry=where,
            checks=checks,
            message=message,
            archived=archived,
            executor=_executor(ctx, executor),
        )
    if form == "json":
        from envcatalog.report.json import publish_json

        emit(publish_json(rows))
    else:
        from envcatalog.report.text import published_text

        emit(published_text(rows, colour=colour()))
    return EXIT_NO if any(row.status == "refused" for row in rows) else 0


def _executor(ctx: click.Context, text: str) -> Executor | None:
    if text == "inline":
        return None
    from envcatalog.catalog.publishing.executing import open_executor

    executor = open_executor(text)
    if executor is not None:
        ctx.call_on_close(executor.close)
    return executor
