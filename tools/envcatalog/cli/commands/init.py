"""`envcat init`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envcatalog.cli.choice import OneOf
from envcatalog.cli.options import catalog_options, chosen_folder
from envcatalog.model.errors import EXIT_NO

if TYPE_CHECKING:
    from envcatalog.ci.files import CiFiles


def _branch(_context: click.Context, _option: click.Parameter, value: str) -> str:
    # Whatever else Git allows in a name is a pattern, or needs quotes, in the files of a forge.
    if not re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_./-]*[A-Za-z0-9_])?", value) or ".." in value:
        raise click.BadParameter(f"`{value}` is no name of letters, digits and `._/-`")
    return value


@click.command("init")
@click.argument("folder", required=False, metavar="[DIR]")
@click.option("--name", default="example", show_default=True, help="Name of the first environment.")
@click.option(
    "--ci",
    "forge",
    type=OneOf(["github", "gitlab"]),
    help="Also write the forge's pipeline: validate and plan, publish on merge, refresh at night.",
)
@click.option(
    "--branch",
    default="main",
    show_default=True,
    callback=_branch,
    help="With --ci: what is merged here is published.",
)
@click.option(
    "--check", is_flag=True, help="With --ci: write nothing; exit code 1 if a file is not up to date."
)
@click.option("--overwrite", is_flag=True, help="With --ci: replace files that are not up to date.")
@catalog_options
@click.pass_context
def command(
    ctx: click.Context,
    folder: str | None,
    name: str,
    forge: str | None,
    branch: str,
    check: bool,
    overwrite: bool,
    directory: str | None,
) -> int:
    """Make a new catalog in DIR (the current folder by default): a Git repository with one environment.

    Nothing that exists is overwritten, and nothing is committed: look at it first. Where there is a catalog
    already, --ci adds its files to that.
    """
    from envcatalog.catalog.create import add_files, drifted, init_catalog

    if forge is None and (check or overwrite):
        raise click.UsageError("--check and --overwrite need --ci")
    root = chosen_folder(ctx, directory)
    target = root / Path(folder) if folder else root
    if forge and check:
        stale = drifted(target, _files(target, forge, branch).kept)
        for path in stale:
            click.echo(path)
        return EXIT_NO if stale else 0
    written: tuple[str, ...] = ()
    made = forge is None or not (target / "catalog").is_dir()
    if made:
        written += init_catalog(target, name=name)
    if forge:
        files = _files(target, forge, branch)
        written += add_files(target, files.kept, files.first, overwrite=overwrite)
    for path in written:
        click.echo(path)
    if made:
        click.echo(
            f"next: envcat lock, git add and git commit, envcat publish --registry oci:images (in {target})",
            err=True,
        )
    return 0


def _files(target: Path, forge: str, branch: str) -> CiFiles:
    from envcatalog import __version__
    from envcatalog.catalog.create import registry_of

    registry = registry_of(target)
    if forge == "gitlab":
        from envcatalog.ci.gitlab import gitlab_files

        return gitlab_files(__version__, registry=registry)
    from envcatalog.ci.github import github_files

    return github_files(__version__, branch=branch, registry=registry)
