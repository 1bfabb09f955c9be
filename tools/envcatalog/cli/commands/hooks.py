"""`envcat hooks`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from envcatalog.cli.choice import OneOf
from envcatalog.cli.options import catalog_options, chosen_folder, emit, progress
from envcatalog.model.errors import EXIT_NO, UserError

if TYPE_CHECKING:
    from pathlib import Path

    from envcatalog.catalog.hooks.server import Verdict

_KEPT = (
    "the push is taken; what is not published now is made up for by the next one, or by "
    "`envcat hooks run post-receive` in the bare repository"
)
NAMES = ("pre-receive", "post-receive", "pre-commit", "pre-push")


@click.group("hooks")
def command() -> None:
    """Let Git check and publish: in a bare repository that is pushed to, or in a working clone.

    In a bare repository `pre-receive` refuses what does not validate and version tags that are moved or forged, and
    `post-receive` builds and publishes what the default branch says. In a clone `pre-commit` validates what is staged
    and `pre-push` what is pushed, locks included.
    """


@command.command("install")
@click.option("--server", is_flag=True, help="Insist on a bare repository; it is recognised without.")
@click.option("--chain", is_flag=True, help="Keep a hook that is there, and run it first.")
@catalog_options
@click.pass_context
def install(ctx: click.Context, server: bool, chain: bool, directory: str | None) -> None:
    """Install the hooks; one of another program is never overwritten."""
    from envcatalog.catalog.hooks.hooking import install_hooks

    for hook in install_hooks(chosen_folder(ctx, directory), server=server, chain=chain):
        emit(f"{hook.status}  {hook.path}")


@command.command("uninstall")
@catalog_options
@click.pass_context
def uninstall(ctx: click.Context, directory: str | None) -> None:
    """Remove our hooks; a hook that was chained gets its place back."""
    from envcatalog.catalog.hooks.hooking import uninstall_hooks

    for hook in uninstall_hooks(chosen_folder(ctx, directory)):
        emit(f"{hook.status}  {hook.path}")


@command.command("run")
@click.argument("name", type=OneOf(NAMES))
@click.argument("arguments", nargs=-1, expose_value=False)
@catalog_options
@click.pass_context
def run(ctx: click.Context, name: str, directory: str | None) -> int:
    """Do what the hook NAME does; this is what the installed hooks call. What was pushed is read from stdin.

    `envcat hooks run post-receive </dev/null` in a bare repository compares all with the registry, and publishes what
    a failed push left unpublished.
    """
    folder = chosen_folder(ctx, directory)
    if name == "pre-commit":
        from envcatalog.catalog.hooks.clone import check_staged

        return _report(
            [check_staged(folder, os.environ)], "what is staged has problems, so nothing was committed"
        )
    lines = _lines()
    if name == "pre-push":
        from envcatalog.catalog.hooks.clone import check_outgoing
        from envcatalog.git.pushed import read_outgoing

        return _report(
            check_outgoing(folder, read_outgoing(lines)), "the push has problems, so nothing was sent"
        )
    if name == "pre-receive":
        from envcatalog.catalog.hooks.server import check_push
        from envcatalog.catalog.places import cache_folder
        from envcatalog.git.pushed import read_pushes

        verdicts = check_push(folder, read_pushes(lines), os.environ, cache=cache_folder())
        return _report(verdicts, "the push is refused")
    return _publish(folder, lines)


def _lines() -> str:
    if sys.stdin is None or sys.stdin.isatty():  # a person, who pushes nothing
        return ""
    return sys.stdin.buffer.read().decode(errors="surrogateescape")


def _publish(folder: Path, lines: str) -> int:
    from envcatalog.catalog.hooks.server import publish_push
    from envcatalog.catalog.places import cache_folder
    from envcatalog.git.pushed import read_pushes
    from envcatalog.report.text import published_text

    pushes = read_pushes(lines)
    try:
        rows = publish_push(folder, pushes, cache=cache_folder(), progress=progress())
    except UserError:
        if pushes:  # who pushes again is told that everything is up to date, and nothing happens
            click.echo(_KEPT, err=True)
        raise
    if rows:
        emit(published_text(rows))
    refused = any(row.status == "refused" for row in rows)
    if refused and pushes:
        click.echo(_KEPT, err=True)
    return EXIT_NO if refused else 0


def _report(verdicts: Sequence[Verdict], refused: str) -> int:
    from envcatalog.report.problems import error_text, problems_text
    from envcatalog.report.safe import visible

    for verdict in verdicts:
        if not verdict.problems and not verdict.refusals:
            continue
        if verdict.problems and verdict.ref:
            click.echo(f"in {visible(verdict.ref.removeprefix('refs/heads/'))}:", err=True)
        text = problems_text(verdict.problems, colour=False)
        text += "".join(error_text(error, colour=False) for error in verdict.refusals)
        click.echo(text.removesuffix("\n"), err=True)
    if all(verdict.ok for verdict in verdicts):
        return 0
    click.echo(f"error: {refused}", err=True)
    return EXIT_NO
