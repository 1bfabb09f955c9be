"""`envcat log`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


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

        emit(log_json(versions))
    else:
        from envcatalog.report.text import versions_text

        emit(versions_text(versions, colour=colour()))
    return 0
