"""`envcat export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envcatalog.cli.choice import OneOf
from envcatalog.cli.options import (
    catalog_options,
    chosen_registry,
    emit,
    formats,
    open_catalog,
    registry_option,
)
from envcatalog.formats.outgoing.exporting import FORMATS
from envcatalog.model.errors import EXIT_NO

if TYPE_CHECKING:
    from envcatalog.model.export import Export

_LIST = "\n".join(f"    {item.name:15} {item.about}" for item in FORMATS.values())


@click.command(
    "export",
    help="Write an environment at REF, with all that it inherits, as a file of another tool.\n\n\b\n" + _LIST,
    epilog="What a format cannot hold is named on stderr, line by line.",
)
@click.argument("reference", metavar="REF")
@click.option("--to", type=OneOf(list(FORMATS)), required=True, metavar="FORMAT", help="See above.")
@click.option("--platform", metavar="P", help="Only this platform, such as linux/amd64; all by default.")
@click.option("--output", metavar="PATH", help="A file, or a folder where it is several files.")
@click.option("--with-index", is_flag=True, help="With requirements: also name the package indexes.")
@click.option("--strict", is_flag=True, help="Exit code 1, and no file, where something cannot be held.")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if --output is not up to date.")
@click.option("--archived", is_flag=True, help="Export what is archived, too.")
@registry_option
@catalog_options
@formats()
@click.pass_context
def command(
    ctx: click.Context,
    reference: str,
    to: str,
    platform: str | None,
    output: str | None,
    with_index: bool,
    strict: bool,
    check: bool,
    archived: bool,
    registry: str | None,
    directory: str | None,
    form: str,
) -> int:
    from envcatalog.catalog.doors.exporting import refuse_lost
    from envcatalog.report.exported import export_json, notes_text

    if check and output is None:
        raise click.UsageError("--check needs --output")
    catalog = open_catalog(ctx, directory)
    done = catalog.export(
        reference,
        to,
        platform=platform,
        registry=chosen_registry(ctx, registry),
        with_index=with_index,
        archived=archived,
    )
    click.echo(notes_text(done), err=True, nl=False)
    if strict:
        refuse_lost(done)
    places = _places(done, output)
    if check:
        return _check(done, places)
    if places:
        from envcatalog.catalog.doors.export_files import write_files

        write_files(done.files, places)
    if form == "json":
        emit(export_json(done, {name: str(path) for name, path in places.items()}))
    elif places:
        emit("\n".join(map(str, places.values())))
    else:
        emit(done.files[0].text)
    return 0


def _places(done: Export, output: str | None) -> dict[str, Path]:
    from envcatalog.catalog.doors.export_files import targets

    if output is not None:
        return targets(done.files, Path(output))
    if len(done.files) > 1 and click.get_current_context().params["form"] == "text":
        names = " and ".join(item.name for item in done.files)
        raise click.UsageError(f"there are {names} to write; give --output a folder")
    return {}


def _check(done: Export, places: dict[str, Path]) -> int:
    from envcatalog.catalog.doors.export_files import differing

    stale = differing(done.files, places)
    for path in stale:
        click.echo(path)
    return EXIT_NO if stale else 0
