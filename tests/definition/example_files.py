"""Example files, and how the problems found in one are written down beside it."""

from __future__ import annotations

from pathlib import Path

from envcatalog.definition.reader import Reading, SettingsReading, read_environment, read_settings

EXAMPLES = Path(__file__).parents[1] / "examples"


def read(path: Path) -> Reading | SettingsReading:
    """Read an example: ``settings-*`` as `catalog.yaml`, others as a definition in a folder.

    A valid file's folder is the file's own name; an invalid one's is always ``example``.
    """
    data = path.read_bytes()
    if path.name.startswith("settings-"):
        return read_settings(data, path.name)
    folder = path.stem if path.parent.name == "valid" else "example"
    return read_environment(data, path.name, folder=folder)


def rendered(path: Path) -> str:
    """All problems as ``line:column+length code: message``, each with its hint in a line below."""
    lines = []
    for problem in read(path).problems:
        lines.append(f"{problem.line}:{problem.column}+{problem.length} {problem.code}: {problem.message}")
        if problem.hint:
            lines.append(f"  hint: {problem.hint}")
    return "\n".join(lines) + "\n" if lines else ""
