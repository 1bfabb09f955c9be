"""`envcat list`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="List archived environments, too.")
@catalog_options
@formats()
@click.pass_context
def command(ctx: click.Context, everything: bool, directory: str | None, form: str) -> int:
    """List the environments of the catalog: kind, newest version, aliases, description."""
    found = open_catalog(ctx, directory).list()
    rows = [row for row in found if everything or not row.archived]
    left = len(found) - len(rows)
    if form == "json":
        from envcatalog.report.json import list_json

        emit(list_json(rows))
    else:
        from envcatalog.report.text import environments_text

        emit(environments_text(rows, colour=colour()))
        if left:
            click.echo(f"{left} archived, shown with `--all`", err=True)
    return 0
