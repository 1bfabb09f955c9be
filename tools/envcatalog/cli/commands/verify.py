"""`envcat verify`."""

from __future__ import annotations

import click

from envcatalog.cli.options import (
    build_options,
    catalog_options,
    chosen_registry,
    colour,
    emit,
    formats,
    open_catalog,
    registry_option,
    set_build_options,
)
from envcatalog.model.errors import EXIT_NO


@click.command("verify")
@click.argument("references", nargs=-1, metavar="[REF]...")
@click.option("--offline", is_flag=True, help="Look at this clone alone, not at its remote.")
@click.option("--require-signed", is_flag=True, help="Take a tag without a good signature for an error.")
@click.option(
    "--rebuild",
    multiple=True,
    metavar="REF",
    help="Build this version anew and compare the image; may be given several times. What a Docker Engine built is "
    "only built again with --builder docker.",
)
@build_options
@catalog_options
@registry_option
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    references: tuple[str, ...],
    offline: bool,
    require_signed: bool,
    rebuild: tuple[str, ...],
    builder: str | None,
    secrets: tuple[str, ...],
    network: str,
    build_timeout: float,
    directory: str | None,
    registry: str | None,
    form: str,
) -> int:
    """Find versions that are no longer what they were: tags moved, deleted or forged, locks and images changed.

    Tags are compared with the remote, the commits they name and, with --registry (or $ENVCAT_REGISTRY), the images
    and tags there. Nothing is changed. Exit code 1 if something is wrong; a warning is not.
    """
    catalog = open_catalog(ctx, directory)
    set_build_options(catalog, builder, secrets, network, build_timeout)
    answer = catalog.verify(
        references,
        registry=chosen_registry(ctx, registry),
        offline=offline,
        require_signed=require_signed,
        rebuild=rebuild,
    )
    if form == "json":
        from envcatalog.report.verify import verified_json

        emit(verified_json(answer))
    else:
        from envcatalog.report.verify import verified_text

        emit(verified_text(answer, colour=colour()))
    return 0 if answer.ok else EXIT_NO
