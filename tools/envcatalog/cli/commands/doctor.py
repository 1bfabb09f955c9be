"""`envcat doctor`."""

from __future__ import annotations

import click

from envcatalog.cli.options import (
    catalog_options,
    chosen_folder,
    chosen_registry,
    colour,
    emit,
    formats,
    registry_option,
)
from envcatalog.model.errors import EXIT_NO


@click.command("doctor")
@catalog_options
@registry_option
@formats()
@click.pass_context
def command(ctx: click.Context, directory: str | None, registry: str | None, form: str) -> int:
    """Say what this machine has (git, uv, engine, registry, mirror, keyring ...), what is missing, what to do.

    Exit code 1 if something that the main job needs is missing.
    """
    from envcatalog.catalog.doctor import examine

    findings = examine(chosen_folder(ctx, directory), chosen_registry(ctx, registry))
    if form == "json":
        from envcatalog.report.json import doctor_json

        emit(doctor_json(findings))
    else:
        from envcatalog.report.text import doctor_text

        emit(doctor_text(findings, colour=colour()))
    return EXIT_NO if any(item.state == "missing" for item in findings) else 0
