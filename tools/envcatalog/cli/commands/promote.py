"""`envcat promote`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


@click.command("promote")
@click.argument("reference", metavar="REF")
@click.argument("alias", metavar="ALIAS")
@click.option("--remove", is_flag=True, help="Take the alias away; REF is the environment's name.")
@click.option("--archived", is_flag=True, help="Promote a version of what is archived, too.")
@catalog_options
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    reference: str,
    alias: str,
    remove: bool,
    archived: bool,
    directory: str | None,
    form: str,
) -> int:
    """Let ALIAS name the version REF: NAME@3, NAME@latest, or NAME@ALIAS for the version of another alias.

    The definition is edited in the work tree, with its comments and layout; nothing is committed. The order of the
    aliases in catalog/catalog.yaml is kept: an alias needs the one before it, and is never ahead of it.
    """
    from envcatalog.catalog.editing import demote, promote
    from envcatalog.report.edited import edited_json, edited_text

    catalog = open_catalog(ctx, directory)
    if remove:
        edited = demote(catalog, reference, alias)
    else:
        edited = promote(catalog, reference, alias, archived=archived)
    emit(edited_json(edited) if form == "json" else edited_text(edited, colour=colour()))
    return 0
