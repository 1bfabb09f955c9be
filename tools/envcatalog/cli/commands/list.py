"""`envcat list`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


@click.command("list")
@catalog_options
@formats()
@click.pass_context
def command(ctx: click.Context, directory: str | None, form: str) -> int:
    """List the environments of the catalog: kind, newest version, aliases, description."""
    rows = open_catalog(ctx, directory).list()
    if form == "json":
        from envcatalog.report.json import list_json

        emit(list_json(rows))
    else:
        from envcatalog.report.text import environments_text

        emit(environments_text(rows, colour=colour()))
    return 0
