"""`envcat register`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog
from envcatalog.model.errors import EXIT_NO


@click.command("register")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--no-lock", is_flag=True, help="Refuse a stale lock instead of locking anew.")
@click.option("-m", "--message", default="", help="What the commit and the version's tag say.")
@click.option("--archived", is_flag=True, help="Register what is archived, too.")
@catalog_options
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    no_lock: bool,
    message: str,
    archived: bool,
    directory: str | None,
    form: str,
) -> int:
    """Make environments versions without building images: lock what is stale, commit, and tag.

    The commit takes the definitions and locks of these environments and of their bases, and nothing else. What is a
    version already stays it. `publish` builds the image later and records its digest.
    """
    rows = open_catalog(ctx, directory).register(names, message=message, lock=not no_lock, archived=archived)
    if form == "json":
        from envcatalog.report.register import registered_json

        emit(registered_json(rows))
    else:
        from envcatalog.report.register import registered_text

        emit(registered_text(rows, colour=colour()))
    return EXIT_NO if any(row.status == "refused" for row in rows) else 0
