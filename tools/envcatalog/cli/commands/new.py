"""`envcat new`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from envcatalog.cli.choice import OneOf
from envcatalog.cli.options import Command, catalog_options, emit, formats, open_catalog
from envcatalog.model.environment import (
    PLATFORMS,
    Base,
    DebianBase,
    EnvironmentBase,
    ImageBase,
    Managed,
)
from envcatalog.model.imported import Imported, NotWhole


def import_options(command: Command) -> Command:
    """What goes with ``--from``."""
    for option in (
        click.option("--target", metavar="STAGE", help="With --from a Dockerfile: the stage to build."),
        click.option(
            "--context", metavar="DIR", help="With --from a Dockerfile: the folder that it is built with."
        ),
        click.option(
            "--managed",
            type=OneOf(["system", "user"]),
            help="With --from an image: `user` takes it as it is, `system` installs into it.",
        ),
        click.option(
            "--group", "groups", multiple=True, metavar="NAME", help="With --from: a dependency group, too."
        ),
        click.option("--extra", "extras", multiple=True, metavar="NAME", help="With --from: an extra, too."),
        click.option(
            "--strict", is_flag=True, help="With --from: write nothing if anything cannot be carried over."
        ),
        click.option(
            "--type",
            "kind",
            metavar="KIND",
            help="With --from: what it is, e.g. conda; found out if not given.",
        ),
        click.option(
            "--from",
            "source",
            metavar="PATH|IMAGE",
            help="Import another tool's file or folder, or an image.",
        ),
    ):
        command = option(command)
    return command


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
    "--platform", "platforms", multiple=True, type=OneOf(PLATFORMS), help="Build for it; may repeat."
)
@click.option(
    "--check", "checks", multiple=True, metavar="COMMAND", help="A command that must succeed; may repeat."
)
@import_options
@formats()
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
    platforms: tuple[str, ...],
    checks: tuple[str, ...],
    source: str | None,
    kind: str | None,
    strict: bool,
    extras: tuple[str, ...],
    groups: tuple[str, ...],
    managed: Managed | None,
    target: str | None,
    context: str | None,
    form: str,
    directory: str | None,
) -> int:
    """Add catalog/NAME/environment.yaml, ready to be edited.

    With --from it is made of what you have: a conda environment.yml, a requirements.txt, a pyproject.toml, an Azure ML
    definition, a Dockerfile, an image, and more. What cannot be carried over is listed line by line.
    """
    base = _base(debian, image, environment)
    given = {"--type": kind, "--strict": strict, "--extra": extras, "--group": groups}
    given |= {"--managed": managed, "--target": target, "--context": context}
    own = {"--package": packages, "--apt": apt, "--variable": variables, "--check": checks}
    if source is None:
        _refuse(given, "needs --from")
        done = Imported(
            environment=name,
            path=_make(
                ctx,
                directory,
                name,
                base or DebianBase(suite="bookworm"),
                python,
                packages,
                description=description,
                apt=apt,
                variables=dict(_pair(item) for item in variables),
                platforms=platforms,
                checks=checks,
            ),
        )
    else:
        _refuse(own, "does not go with --from; edit the file afterwards")
        done = _import(
            ctx,
            directory,
            name,
            source,
            form,
            kind=kind,
            strict=strict,
            base=base,
            python=python,
            platforms=platforms,
            description=description,
            extras=extras,
            groups=groups,
            managed=managed,
            target=target,
            context=context,
        )
    _say(done, form)
    click.echo(f"next: envcat lock {name}", err=True)
    return 0


def _make(
    ctx: click.Context,
    directory: str | None,
    name: str,
    base: Base,
    python: str | None,
    packages: tuple[str, ...],
    **more: Any,
) -> str:
    from envcatalog.catalog.create import new_environment, python_of

    if python is None and isinstance(base, DebianBase):
        python = "3.11" if base.suite == "bookworm" else None
    if packages and python is None and not isinstance(base, EnvironmentBase):
        raise click.UsageError("--package needs --python on this base")
    catalog = open_catalog(ctx, directory)
    if packages and python is None and isinstance(base, EnvironmentBase):
        python = python_of(catalog.content, base.environment)
    return new_environment(catalog.repository.root, name, base=base, python=python, packages=packages, **more)


def _import(
    ctx: click.Context, directory: str | None, name: str, source: str, form: str, **more: Any
) -> Imported:
    from envcatalog.catalog.doors.importing import import_environment
    from envcatalog.model.draft import Wanted

    how = {option: more.pop(option) for option in ("kind", "strict", "context")}
    wanted = Wanted(name=name, **more)
    try:
        return import_environment(open_catalog(ctx, directory), source, wanted, **how)
    except NotWhole as refused:
        _say(refused.imported, form)
        raise


def _say(done: Imported, form: str) -> None:
    from envcatalog.report.imported import imported_json, imported_notes

    for line in imported_notes(done):
        click.echo(line, err=True)
    emit(imported_json(done) if form == "json" else done.path)


def _refuse(options: Mapping[str, object], why: str) -> None:
    for option, value in options.items():
        if value:
            raise click.UsageError(f"{option} {why}")


def _base(debian: str | None, image: str | None, environment: str | None) -> Base | None:
    given = [option for option in (debian, image, environment) if option]
    if len(given) > 1:
        raise click.UsageError("give one of --debian, --image and --environment")
    if image:
        return ImageBase(image=image)
    if environment:
        return EnvironmentBase(environment=environment)
    return DebianBase(suite=debian) if debian else None


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"`{text}` is no NAME=VALUE")
    return name, value
