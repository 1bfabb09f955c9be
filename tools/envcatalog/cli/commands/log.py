"""`envcat log`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


@click.command("log")
@click.argument("reference", metavar="REF")
@click.option("--limit", type=click.IntRange(min=0), default=None, metavar="N", help="At most N versions.")
@click.option("--commits", is_flag=True, help="In JSON, too, list the commits and what each changed.")
@click.option("--signatures", is_flag=True, help="Check the signatures of the tags: good, bad or unknown.")
@catalog_options
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    reference: str,
    limit: int | None,
    commits: bool,
    signatures: bool,
    directory: str | None,
    form: str,
) -> int:
    """Show the versions of an environment, newest first, and the commits that led to each.

    A version shows image digest, commit, author, date and the aliases that name it now, and whether its tag is signed;
    a commit shows its author, message and, in brackets, what it changed. Of NAME@3, the versions up to it.
    """
    from envcatalog.catalog.history.log import environment_log

    walk = commits or form == "text"
    found = environment_log(
        open_catalog(ctx, directory), reference, limit=limit, commits=walk, signatures=signatures
    )
    if form == "json":
        from envcatalog.report.history import log_json

        emit(log_json(found, commits=commits))
    else:
        from envcatalog.report.history import log_text

        emit(log_text(found, colour=colour()))
    return 0
