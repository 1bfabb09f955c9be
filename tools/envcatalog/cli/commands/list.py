"""`envcat list`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, formats, open_catalog


@click.command("list")
@catalog_options
@formats()
@click.pass_context
def command(ctx: click.Context, directory: str | None, form: str) -> int:
    """List the environments of the catalog: kind, newest version, aliases, description."""
    rows = open_catalog(ctx, directory).list()
    if form == "json":
        from envcatalog.report.json import list_json

        click.echo(list_json(rows), nl=False)
    else:
        from envcatalog.report.text import environments_text

        click.echo(environments_text(rows, colour=colour()), nl=False)
    return 0
