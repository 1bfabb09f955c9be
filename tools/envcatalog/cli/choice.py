"""Options with a fixed set of values, which answer a mistyped one as all else here is answered."""

from __future__ import annotations

from typing import Any

import click

from envcatalog.model.errors import UserError


class OneOf(click.Choice):  # type: ignore[type-arg]  # generic since click 8.2, and not before
    """``type=OneOf(["text", "json"])``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value itself. Raises UserError, with the nearest match, for any other."""
        if value in self.choices:
            return value
        from envcatalog.definition.finding import nearest, show

        name = (
            param.opts[0] if isinstance(param, click.Option) else param.human_readable_name if param else ""
        )
        *most, last = [f"`{choice}`" for choice in self.choices]
        near = nearest(str(value), self.choices)
        raise UserError(
            f"`{name}` is {', '.join(most)} or {last}, and not {show(str(value))}",
            f"did you mean `{near}`" if near else f"run `{ctx.command_path if ctx else 'envcat'} --help`",
        )
