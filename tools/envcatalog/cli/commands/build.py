"""`envcat build`."""

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
    references_argument,
    registry_option,
    set_build_options,
)


@click.command("build")
@references_argument
@click.option(
    "--check/--no-check", default=False, show_default=True, help="Run the definition's checks in the image."
)
@click.option("--archived", is_flag=True, help="Build what is archived, too.")
@build_options
@catalog_options
@registry_option
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    check: bool,
    archived: bool,
    builder: str | None,
    secrets: tuple[str, ...],
    network: str,
    build_timeout: float,
    directory: str | None,
    registry: str | None,
    form: str,
) -> int:
    """Build images and print their digests; no version is made.

    They are built from what is on disk, or from the commit that REF names (`NAME@3`, `NAME@BRANCH`, `NAME@COMMIT`).

    With --registry the images are stored there by digest, without a tag. Layers are kept in the local cache, so
    publishing afterwards builds nothing again.
    """
    catalog = open_catalog(ctx, directory)
    set_build_options(catalog, builder, secrets, network, build_timeout)
    images = catalog.build(
        names, registry=chosen_registry(ctx, registry), checks="auto" if check else None, archived=archived
    )
    if form == "json":
        from envcatalog.report.json import build_json

        text = build_json(images)
    else:
        from envcatalog.report.text import build_text

        text = build_text(images, colour=colour())
    emit(text)
    return 0
