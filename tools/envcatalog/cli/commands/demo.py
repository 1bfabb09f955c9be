"""`envcat demo`."""

from __future__ import annotations

import click


@click.command("demo")
@click.argument("folder", required=False, metavar="[DIR]")
def command(folder: str | None) -> int:
    """Make a catalog in an empty folder and walk an edit through it until it is a published, verified image.

    No Docker, no registry server: the images go to an OCI layout in the folder. DIR is made; without it a new
    temporary folder is used, and named at the end.
    """
    from envcatalog.demo import run_demo

    return run_demo(folder)
