"""`envcat blame`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog


@click.command("blame")
@click.argument("reference", metavar="REF")
@click.argument("package", required=False)
@catalog_options
@formats()
@click.pass_context
def command(ctx: click.Context, reference: str, package: str | None, directory: str | None, form: str) -> int:
    """Say since which version and commit each package, or one, of an environment's lock is there.

    SINCE is what brought the installed version, FIRST what brought the package at all, where that is another commit.
    Packages of the environments that it inherits from are theirs to blame. Exit code 1 if the lock lacks PACKAGE.
    """
    from envcatalog.catalog.history.blame import blame

    origins = blame(open_catalog(ctx, directory), reference, package)
    if form == "json":
        from envcatalog.report.history import blame_json

        emit(blame_json(reference.partition("@")[0], origins))
    else:
        from envcatalog.report.history import blame_text

        emit(blame_text(origins, colour=colour()))
    return 0
