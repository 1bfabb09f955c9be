"""`envcat checkout`."""

from __future__ import annotations

from pathlib import Path

import click

from envcatalog.cli.options import catalog_options, emit, formats, open_catalog


@click.command("checkout")
@click.argument("reference", metavar="REF")
@click.argument("folder", metavar="DIR")
@click.option("--archived", is_flag=True, help="Check out what is archived, too.")
@catalog_options
@formats()
@click.pass_context
def command(
    ctx: click.Context, reference: str, folder: str, archived: bool, directory: str | None, form: str
) -> int:
    """Write an environment as it was at REF into DIR: a catalog of its own, to train with, deploy from or edit.

    DIR gets the definition, lock and other files of the environment and of all that it inherits from, and the catalog's
    settings, in a new Git repository without a commit. `build` there gives the same image digest. DIR must not exist,
    or be empty; a relative one is below the current folder.
    """
    from envcatalog.catalog.history.checkout import checkout

    done = checkout(open_catalog(ctx, directory), reference, Path.cwd() / folder, archived=archived)
    if form == "json":
        from envcatalog.report.checkout import checkout_json

        text = checkout_json(
            reference=reference,
            name=done.name,
            folder=done.folder,
            commit=done.commit,
            version=done.version,
            environments=done.environments,
            image=done.image,
            plan=done.plan,
        )
    else:
        from envcatalog.report.checkout import checkout_text

        text = checkout_text(
            reference=reference,
            name=done.name,
            folder=done.folder,
            environments=done.environments,
            files=done.files,
            image=done.image,
            plan=done.plan,
            note=done.note,
        )
    emit(text)
    return 0
