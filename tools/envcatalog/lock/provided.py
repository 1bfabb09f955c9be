"""Packages that are in the environment without being wheels, told to uv so that it solves around them.

uv knows wheels and indexes only, so each such package is shown to it as a wheel of ours that holds nothing but its
metadata, and a constraint ties the name to that very file: no index is asked about it, so it need not be on one.
None of them is in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile, ZipInfo

FOLDER = "provided"
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_MOST = 5  # of those who need a package, so that a message stays readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """One package.

    Attributes:
        name: normalised (PEP 503).
        version: as PEP 440 has it.
        by: for messages: ``spark``.
        requires: PEP 508; what it needs of others, which is solved with the rest.
        extras: those that `requires` has markers for.
        required_by: who asks for it there, for messages.
        on_index: what its extras need can be asked of a Python package index.
    """

    name: str
    version: str
    by: str
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()
    on_index: bool = False

    @property
    def origin(self) -> str:
        """For messages: ``which `conda` brings for `scipy` and `numpy=2` ``."""
        users = [f"`{text}`" for text in self.required_by[:_MOST]]
        more = len(self.required_by) - len(users)
        users += [f"{more} more"] if more else []
        listed = " and ".join(filter(None, (", ".join(users[:-1]), *users[-1:])))
        return f"which `{self.by}` brings{' for ' if listed else ''}{listed}"


def write_provided(
    folder: Path, packages: Iterable[Provided], *, pinned: frozenset[str] = frozenset()
) -> str:
    """Write the wheels below uv's folder; the constraints that tie the names to them.

    Args:
        pinned: names that are tied to a release of an index instead, since their extras are asked for.
    """
    lines = []
    for package in sorted(packages, key=lambda package: package.name):
        if package.name in pinned:
            lines.append(f"{package.name}=={package.version}\n")
        else:
            lines.append(f"{package.name} @ {_write(folder / FOLDER, package).absolute().as_uri()}\n")
    return "".join(lines)


def explained(reason: str, packages: Iterable[Provided]) -> str:
    """uv's reason, and below it where the packages come from that it speaks of."""
    words = {re.sub(r"[-_.]+", "-", word).lower() for word in _WORD.findall(reason)}
    named = [package for package in packages if package.name in words]
    return "\n".join([reason, *(f"There is `{one.name}=={one.version}`, {one.origin}." for one in named)])


def _write(folder: Path, package: Provided) -> Path:
    folder.mkdir(exist_ok=True)
    stem = f"{package.name.replace('-', '_')}-{package.version}"
    requires = "".join(f"Provides-Extra: {name}\n" for name in package.extras)
    requires += "".join(f"Requires-Dist: {text}\n" for text in package.requires)
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n{requires}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: envcat\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    path = folder / f"{stem}-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(ZipInfo(f"{stem}.dist-info/{name}"), text)
    return path
