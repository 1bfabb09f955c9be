"""`envcat search`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog
from envcatalog.model.errors import EXIT_NO, UserError


@click.command("search")
@click.argument("package", metavar="PACKAGE")
@click.option("--deb", "kind", flag_value="deb", default=None, help="Debian packages only.")
@click.option("--python", "kind", flag_value="python", help="Python packages only.")
@click.option("--conda", "kind", flag_value="conda", help="Conda packages only.")
@click.option("--all-versions", is_flag=True, help="Search every version instead of the work tree.")
@click.option("--alias", default=None, metavar="ALIAS", help="Search the versions that this alias names.")
@catalog_options
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    package: str,
    kind: str | None,
    all_versions: bool,
    alias: str | None,
    directory: str | None,
    form: str,
) -> int:
    """Say which environments hold a package, as `urllib3<2.2` or, for Debian, `libssl3<3.0.15`.

    `license:AGPL-*` finds Python and conda packages under a licence, whatever else they may be used under; of how many
    packages the locks know none is said, too.

    Locks are searched, those of inherited environments included; what is inside a base image is in no lock. Exit code,
    as grep's: 0 found, 1 not found, 2 an error, also when nothing was found but a lock could not be read.
    """
    from envcatalog.catalog.history.search import search
    from envcatalog.report.safe import visible

    if all_versions and alias:
        raise UserError("`--all-versions` and `--alias` exclude each other", "choose one")
    chosen = kind
    catalog = open_catalog(ctx, directory)
    found = search(
        catalog,
        package,
        kind=chosen,  # type: ignore[arg-type]
        all_versions=all_versions,
        alias=alias,
    )
    for item in found.unread:
        name = item.environment if item.version is None else f"{item.environment}@{item.version}"
        click.echo(f"warning: {visible(f'`{name}` was not searched: {item.reason}')}", err=True)
    if form == "json":
        from envcatalog.report.found import search_json

        emit(search_json(found))
    else:
        from envcatalog.report.found import search_text

        emit(search_text(found, colour=colour()))
    if found.matches:
        return 0
    if found.unread:
        return 2 if any(item.reason != "it is not locked" for item in found.unread) else EXIT_NO
    from envcatalog.catalog.history.nearest import note_of_name

    if note := note_of_name(catalog.content, package, chosen):  # type: ignore[arg-type]
        click.echo(visible(note), err=True)
    return EXIT_NO
