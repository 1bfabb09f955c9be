"""`envcat new`."""

from __future__ import annotations

import click

from envcatalog.cli.options import catalog_options, open_catalog
from envcatalog.model.environment import Base, DebianBase, EnvironmentBase, ImageBase


@click.command("new")
@click.argument("name")
@click.option("--description", default="", help="What it is for, in one sentence.")
@click.option("--debian", metavar="SUITE", help="Start from Debian packages, e.g. bookworm (the default).")
@click.option("--image", metavar="REF", help="Start from an image in a registry or an OCI layout.")
@click.option("--environment", metavar="NAME", help="Inherit another environment of this catalog.")
@click.option("--python", metavar="X.Y", help="Python version; 3.11 by default on Debian bookworm.")
@click.option(
    "-p", "--package", "packages", multiple=True, metavar="REQ", help="A Python requirement; may repeat."
)
@click.option("--apt", multiple=True, metavar="NAME", help="A Debian package; may repeat.")
@click.option(
    "-e", "--variable", "variables", multiple=True, metavar="NAME=VALUE", help="A variable; may repeat."
)
@click.option(
    "--check", "checks", multiple=True, metavar="COMMAND", help="A command that must succeed; may repeat."
)
@catalog_options
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    description: str,
    debian: str | None,
    image: str | None,
    environment: str | None,
    python: str | None,
    packages: tuple[str, ...],
    apt: tuple[str, ...],
    variables: tuple[str, ...],
    checks: tuple[str, ...],
    directory: str | None,
) -> int:
    """Add catalog/NAME/environment.yaml, ready to be edited."""
    from envcatalog.catalog.create import new_environment

    pairs = dict(_pair(item) for item in variables)
    base = _base(debian, image, environment)
    if python is None and isinstance(base, DebianBase):
        python = "3.11" if base.suite == "bookworm" else None
    if packages and python is None and not isinstance(base, EnvironmentBase):
        raise click.UsageError("--package needs --python on this base")
    catalog = open_catalog(ctx, directory)
    path = new_environment(
        catalog.repository.root,
        name,
        description=description,
        base=base,
        python=python,
        packages=packages,
        apt=apt,
        variables=pairs,
        checks=checks,
    )
    click.echo(path)
    click.echo(f"next: envcat lock {name}", err=True)
    return 0


def _base(debian: str | None, image: str | None, environment: str | None) -> Base:
    given = [option for option in (debian, image, environment) if option]
    if len(given) > 1:
        raise click.UsageError("give one of --debian, --image and --environment")
    if image:
        return ImageBase(image=image)
    if environment:
        return EnvironmentBase(environment=environment)
    return DebianBase(suite=debian or "bookworm")


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"`{text}` is no NAME=VALUE")
    return name, value
