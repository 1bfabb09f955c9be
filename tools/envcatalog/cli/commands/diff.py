"""`envcat diff`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="[B]", required=False)
@catalog_options
@formats("markdown")
@click.pass_context
def command(ctx: click.Context, before: str, after: str | None, directory: str | None, form: str) -> int:
    """Show what differs from A to B: packages added, removed, upgraded, downgraded, and settings.

    With a bare NAME alone: what the work tree changed since the newest version. Exit code 0 either way.
    """
    changes = open_catalog(ctx, directory).diff(before, after)
    if form == "json":
        from envcatalog.report.json import diff_json

        text = diff_json(changes)
    elif form == "markdown":
        from envcatalog.report.markdown import changes_markdown

        text = changes_markdown(changes)
    else:
        from envcatalog.report.text import changes_text

        text = changes_text(changes, colour=colour())
    emit(text)
    return 0
