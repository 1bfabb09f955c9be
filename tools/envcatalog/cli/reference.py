"""The reference of all commands, as Markdown: ``python -m envcatalog.cli.reference > tools/commands.md``.

It says what `--help` says, laid out here, so that no release of click and no width of a terminal changes it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from envcatalog.cli.main import COMMANDS, cli

HEAD = """\
# Commands

Written by `python -m envcatalog.cli.reference > tools/commands.md` from what `--help` says; a test compares them.
Exit codes: 0 done, 1 the answer is no, 2 usage or tool error, 130 interrupted; `run` ends as its command does.
"""


def reference() -> str:
    """All commands, in the order of work."""
    with click.Context(cli, info_name="envcat") as root:
        parts = [part for name in COMMANDS for part in _sections(root, name, cli.get_command(root, name))]
    return "\n".join([HEAD, *parts])


def _sections(parent: click.Context, name: str, command: click.Command | None) -> Iterator[str]:
    assert command is not None, name
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text = f"## {context.command_path}\n\n```\n{usage}\n```\n\n{_help(command)}"
    rows = [
        f"| {_names(item)} | {_what(item)} |\n"
        for item in command.params
        if isinstance(item, click.Option) and not item.hidden
    ]
    if rows:
        text += "\n| option | |\n|---|---|\n" + "".join(rows)
    yield text
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from _sections(context, str(below.name), below)


def _help(command: click.Command) -> str:
    """Paragraphs; one that click leaves as it is (after its mark) becomes a block."""
    shown = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            shown.append(f"```\n{inspect.cleandoc(paragraph[2:])}\n```\n")
        else:
            shown.append(f"{paragraph}\n")
    return "\n".join(shown)


def _names(option: click.Option) -> str:
    value = "" if option.is_flag or option.count else f" {_value(option)}"
    names = ", ".join([*option.opts, *option.secondary_opts])
    return f"`{_cell(names + value)}`"


def _value(option: click.Option) -> str:
    choices = getattr(option.type, "choices", None)
    if choices:
        return "|".join(map(str, choices))
    return option.metavar or option.type.name.upper()


def _what(option: click.Option) -> str:
    text = _cell(" ".join((option.help or "").split()))
    if option.show_default and option.default is not None and not option.is_flag:
        text += f" Default: `{_cell(str(option.default))}`."
    return text


def _cell(text: str) -> str:
    return re.sub(r"\|", r"\\|", text)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
