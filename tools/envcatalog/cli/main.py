"""The command `envcat`: a group whose commands are imported only when they are used."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
from contextlib import suppress
from typing import NoReturn

import click

from envcatalog import __version__
from envcatalog.cli.errors import guarded
from envcatalog.model.errors import UserError

# Listed by hand so that `envcat --help` imports no command. The order is the order of work.
COMMANDS = {
    "init": "Make a new catalog with one environment.",
    "new": "Add an environment to the catalog.",
    "validate": "Check definitions, settings and locks; nothing is fetched or run.",
    "lock": "Resolve definitions to exact files, by name, size and sha256.",
    "plan": "Say what publish would do for each environment, and why.",
    "build": "Build images into an OCI layout without publishing a version.",
    "publish": "Build what changed, check it, and publish it as a version.",
    "register": "Lock, commit and make versions without building images.",
    "list": "List the environments with their versions and aliases.",
    "show": "Show one environment: definition, lock and image.",
    "log": "Show the versions of an environment, and the commits between them.",
    "search": "Say which environments hold a package, at which version.",
    "checkout": "Write an environment as it was at a reference into a folder of its own.",
    "export": "Write an environment as a file of another tool.",
    "blame": "Say since which version and commit each package is there.",
    "diff": "Show what differs between two environments or versions.",
    "promote": "Let an alias name a version.",
    "deprecate": "Say that versions should no longer be used.",
    "archive": "Keep an environment and publish it no more.",
    "restore": "Bring an archived environment back.",
    "verify": "Find versions that are no longer what they were.",
    "update": "Make locks newer, each change on a branch of its own.",
    "run": "Run a command in an environment, in a container or locally.",
    "hooks": "Let Git check and publish: hooks for a bare repository and for a clone.",
    "doctor": "Say what this machine has, what is missing, and what to do.",
    "demo": "Walk through all of it in an empty folder.",
}


class LazyGroup(click.Group):
    """Commands by name; help texts without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"envcatalog.cli.commands.{cmd_name}")
        command: click.Command = module.command
        command.short_help = COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean `envcat {near[0]}`" if near else "run `envcat --help` to see all"
            raise UserError(f"there is no command `{args[0][:80]}`", hint)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.option("-C", "directory", default=None, metavar="DIR", help="Run as if started in DIR (the catalog).")
@click.option("--registry", default=None, metavar="WHERE", help="`oci:DIR` or `HOST[:PORT]/PREFIX`.")
@click.version_option(__version__, "--version", prog_name="envcat")
@click.pass_context
def cli(ctx: click.Context, directory: str | None, registry: str | None) -> None:
    """An environment catalog for machine learning that is only Git and a registry.

    Each environment is one YAML file, catalog/NAME/environment.yaml. Commits and tags are its versions; a change
    becomes a published, bit-for-bit reproducible container image; and nothing else runs.
    """
    ctx.obj = {**(ctx.obj or {}), "directory": directory, "registry": registry}


def main() -> None:
    """Entry point of the console script; never shows a traceback."""
    code = guarded(cli, own_process=True)
    if "rattler" in sys.modules:
        _end(code)
    sys.exit(code)


def _end(code: int) -> NoReturn:
    """End the process without taking the interpreter apart, in which the conda library's threads may still be.

    They crash an interpreter that ends under them, and the exit code would be a signal's.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
