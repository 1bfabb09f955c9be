"""`envcat deprecate`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


@click.command("deprecate")
@click.argument("name", metavar="REF")
@click.option("--versions", metavar="RANGES", help="Such as `1-2,4` or `3-`; all versions without it.")
@click.option("--reason", metavar="TEXT", help="Why, in one line.")
@click.option("--replacement", metavar="REF", help="What to use instead: NAME or NAME@3.")
@click.option("--until", metavar="DATE", help="The last day on which they should be used: YYYY-MM-DD.")
@click.option("--remove", is_flag=True, help="Take the statement away.")
@catalog_options
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    versions: str | None,
    reason: str | None,
    replacement: str | None,
    until: str | None,
    remove: bool,
    directory: str | None,
    form: str,
) -> int:
    """Say that versions should no longer be used: of NAME those of --versions or all, of NAME@3 that one.

    Whoever uses one is warned.
    The definition is edited in the work tree, with its comments and layout; nothing is committed. A file has one such
    statement: an earlier one is replaced.
    """
    from envcatalog.catalog.editing import deprecate, undeprecate
    from envcatalog.report.edited import edited_json, edited_text

    if remove and any(item is not None for item in (versions, reason, replacement, until)):
        raise click.UsageError("`--remove` takes no other option.", ctx)
    if not remove and reason is None:
        raise click.UsageError("`--reason` is needed.", ctx)
    catalog = open_catalog(ctx, directory)
    if remove:
        edited = undeprecate(catalog, name)
    else:
        edited = deprecate(
            catalog, name, reason=reason or "", versions=versions, replacement=replacement, until=until
        )
    emit(edited_json(edited) if form == "json" else edited_text(edited, colour=colour()))
    return 0
