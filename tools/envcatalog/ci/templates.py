"""Templates become files: ``<<name>>`` stands for a text, or, alone on its line, for lines at that indentation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).with_name("templates")
_BLOCK = re.compile(r"^(?P<indent> *)<<(?P<name>[a-z.-]+)>>\n", re.MULTILINE)
_INLINE = re.compile(r"<<(?P<name>[a-z.-]+)>>")


def template(name: str) -> str:
    """The text of a template, ``github/publish.yml``."""
    return (FOLDER / name).read_text(encoding="utf-8")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace every placeholder, those in the values too; an empty value takes its line with it.

    Raises:
        KeyError: a placeholder has no value.
    """

    def block(found: re.Match[str]) -> str:
        lines = fill(values[found["name"]], values).splitlines(keepends=True)
        return "".join(f"{found['indent']}{line}" if line.strip() else line for line in lines)

    return _INLINE.sub(lambda found: values[found["name"]], _BLOCK.sub(block, text))
