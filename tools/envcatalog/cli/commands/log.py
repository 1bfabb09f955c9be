"""`envcat log`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, formats, open_catalog


@click.command("log")
@click.argument("name")
@catalog_options
@formats()
@click.pass_context
def command(ctx: click.Context, name: str, directory: str | None, form: str) -> int:
    """Show the versions of an environment, newest first: commit, date, author, message, image digest."""
    from envcatalog.catalog.reference import parse_reference

    versions = open_catalog(ctx, directory).versions(parse_reference(name).name)
    if form == "json":
        from envcatalog.report.json import log_json

        click.echo(log_json(versions), nl=False)
    else:
        from envcatalog.report.text import versions_text

        click.echo(versions_text(versions, colour=colour()), nl=False)
    return 0
