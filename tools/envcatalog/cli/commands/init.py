"""`envcat init`."""

from __future__ import annotations

from pathlib import Path

import click

from envcatalog.cli.options import catalog_options, chosen_folder


@click.command("init")
@click.argument("folder", required=False, metavar="[DIR]")
@click.option("--name", default="example", show_default=True, help="Name of the first environment.")
@catalog_options
@click.pass_context
def command(ctx: click.Context, folder: str | None, name: str, directory: str | None) -> int:
    """Make a new catalog in DIR (the current folder by default): a Git repository with one environment.

    Nothing that exists is overwritten, and nothing is committed: look at it first.
    """
    from envcatalog.catalog.create import init_catalog

    root = chosen_folder(ctx, directory)
    target = root / Path(folder) if folder else root
    written = init_catalog(target, name=name)
    for path in written:
        click.echo(path)
    click.echo(
        f"next: envcat lock, git add and git commit, envcat publish --registry oci:images (in {target})",
        err=True,
    )
    return 0
