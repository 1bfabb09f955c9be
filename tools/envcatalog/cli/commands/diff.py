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
    """Show what differs from A to B: packages added, removed, upgraded, downgraded, settings, a Dockerfile's files.

    Packages of the environments that it inherits from are included. With a bare NAME alone: what the work tree changed
    since the newest version. Sizes are those of the files that the locks name; installed sizes (without byte code) and
    licences are told as far as the locks know them. Base images are not counted. Exit code 0 either way.
    """
    found = open_catalog(ctx, directory).compare(before, after)
    if form == "json":
        from envcatalog.report.json import diff_json

        text = diff_json(found.changes, found.downloads, found.installed)
    elif form == "markdown":
        from envcatalog.report.markdown import changes_markdown

        text = changes_markdown(found.changes, found.downloads, found.installed)
    else:
        from envcatalog.report.size import sizes_text
        from envcatalog.report.text import changes_text

        text = changes_text(found.changes, colour=colour())
        text += sizes_text(found.downloads, found.installed) if found.changes else ""
    emit(text)
    return 0
