"""`envcat show`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from envcatalog.cli.options import catalog_options, colour, emit, formats, open_catalog
from envcatalog.model.errors import UserError

if TYPE_CHECKING:
    from envcatalog.catalog.history.resolve import Resolved
    from envcatalog.model.version import Version


@click.command("show")
@click.argument("reference", metavar="REF")
@catalog_options
@formats()
@click.pass_context
def command(ctx: click.Context, reference: str, directory: str | None, form: str) -> int:
    """Show definition, lock and image of an environment at a reference.

    \b
    NAME, NAME@{worktree}   the files on disk
    NAME@3, NAME@latest     a version
    NAME@prod               the version that an alias names
    NAME@2026-03-31         the version that was latest at the end of that day (UTC, or with an offset)
    NAME@<commit or branch>

    Sizes and licences are of all that the locks name, inherited packages included and base images not: as far as the
    locks know them, and without byte code. Debian packages name no licence.
    """
    from envcatalog.catalog.history.compare import contents_at
    from envcatalog.definition.canonical import definition_values

    catalog = open_catalog(ctx, directory)
    found = catalog.find(reference)
    environment, lock = found.environment, found.content.lock(found.name)
    versions = catalog.versions(found.name, gone=found.commit is not None)
    contents = contents_at(found.content, found.name)
    if form == "json":
        from envcatalog.report.show import show_json

        text = show_json(
            environment,
            definition=definition_values(environment),
            lock=lock,
            versions=versions,
            at=(found.commit, found.version) if found.commit else None,
            contents=contents,
        )
    else:
        from envcatalog.report.show import show_text

        text = show_text(
            environment,
            lock=lock,
            versions=versions,
            version=found.version or _of_plan(found, versions),
            commit=found.commit,
            contents=contents,
            colour=colour(),
        )
    emit(text)
    return 0


def _of_plan(found: Resolved, versions: Sequence[Version]) -> Version | None:
    """The version that the content is, wherever it stands; None for an edit, and for what cannot be planned."""
    try:
        plan = found.content.plan(found.name).digest
    except UserError:
        return None
    return next((item for item in versions if item.plan == plan), None)
