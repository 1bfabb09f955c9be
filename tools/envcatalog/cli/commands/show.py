"""`envcat show`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


@click.command("show")
@click.argument("reference", metavar="REF")
@catalog_options
@formats()
@click.pass_context
def command(ctx: click.Context, reference: str, directory: str | None, form: str) -> int:
    """Show one environment at a reference: NAME, NAME@3, NAME@latest, NAME@ALIAS or NAME@COMMIT."""
    from envcatalog.definition.canonical import definition_values

    catalog = open_catalog(ctx, directory)
    name, content = catalog.resolve(reference)
    environment, lock, versions = content.environment(name), content.lock(name), catalog.versions(name)
    if form == "json":
        from envcatalog.report.json import show_json

        text = show_json(environment, definition=definition_values(environment), lock=lock, versions=versions)
    else:
        from envcatalog.report.text import show_text

        text = show_text(environment, lock=lock, versions=versions, colour=colour())
    emit(text)
    return 0
