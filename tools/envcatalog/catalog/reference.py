"""References: ``name`` (the work tree), ``name@3``, ``name@latest``, ``name@prod``, ``name@<commit or branch>``."""

from __future__ import annotations

from dataclasses import dataclass

from envcatalog.model.errors import UserError
from envcatalog.model.names import is_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A parsed reference; `at` is empty for the work tree."""

    name: str
    at: str = ""

    @property
    def number(self) -> int | None:
        """The version number, if it is one: no sign, no leading zero, at most nine digits."""
        canonical = (
            self.at.isascii() and self.at.isdigit() and not self.at.startswith("0") and len(self.at) < 10
        )
        return int(self.at) if canonical else None


def parse_reference(text: str) -> Reference:
    """Split at the first ``@``.

    Raises:
        UserError: the name is none, or nothing follows the ``@``.
    """
    name, separator, at = text.partition("@")
    if not is_name(name):
        raise UserError(
            f"`{text[:80]}` is no reference",
            "a reference is `name`, `name@3`, `name@latest`, `name@prod` or `name@<commit>`",
        )
    if separator and not at:
        raise UserError(f"`{text[:80]}` has nothing after the `@`", f"write `{name}` or `{name}@latest`")
    return Reference(name=name, at=at)
