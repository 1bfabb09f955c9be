"""`envcat lock`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, names_argument, open_catalog
from envcatalog.model.errors import EXIT_NO


@click.command("lock")
@names_argument
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if a lock is stale.")
@click.option(
    "--upgrade", is_flag=True, help="Take the newest of everything instead of keeping what is locked."
)
@click.option(
    "--upgrade-package",
    "upgrade_packages",
    multiple=True,
    metavar="NAME",
    help="Take the newest of this Python or Debian package; may be given several times.",
)
@catalog_options
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    check: bool,
    upgrade: bool,
    upgrade_packages: tuple[str, ...],
    directory: str | None,
    form: str,
) -> int:
    """Resolve definitions to exact files: base image by digest, Debian packages and wheels by size and sha256.

    What is locked stays locked unless the definition forbids it or an option says otherwise. A lock that fails or
    is killed leaves the old file. Installed sizes and licences are learnt where a lock does not know them yet.
    """
    if check and (upgrade or upgrade_packages):
        raise click.UsageError("--check writes nothing, so it cannot upgrade")
    catalog = open_catalog(ctx, directory)
    if check:
        rows = catalog.check_locks(names)
    else:
        rows = catalog.lock(names, upgrade=upgrade, upgrade_packages=upgrade_packages)
    if form == "json":
        from envcatalog.report.json import lock_json

        emit(lock_json(rows))
    else:
        from envcatalog.report.text import locked_text

        emit(locked_text(rows, colour=colour()))
    return EXIT_NO if any(row.status == "stale" for row in rows) else 0
