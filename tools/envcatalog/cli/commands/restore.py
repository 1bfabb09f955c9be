"""`envcat restore`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


@click.command("restore")
@click.argument("name", metavar="NAME")
@catalog_options
@formats()
@click.pass_context
def command(ctx: click.Context, name: str, directory: str | None, form: str) -> int:
    """Bring the archived environment NAME back.

    The definition is edited in the work tree, with its comments and layout; nothing is committed.
    """
    from envcatalog.catalog.editing import restore
    from envcatalog.report.edited import edited_json, edited_text

    edited = restore(open_catalog(ctx, directory), name)
    emit(edited_json(edited) if form == "json" else edited_text(edited, colour=colour()))
    return 0
