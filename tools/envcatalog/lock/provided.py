"""Packages that are in the environment without being wheels, told to uv so that it solves around them.

uv knows wheels and indexes only, so each such package is shown to it as a wheel of a folder of ours that holds
nothing but its metadata, and its version is a constraint. None of them is in the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile, ZipInfo

FOLDER = "provided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """One package.

    Attributes:
        name: normalised (PEP 503).
        version: as PEP 440 has it.
        by: for messages: ``spark``.
        requires: PEP 508; what it needs of others, which is solved with the rest.
    """

    name: str
    version: str
    by: str
    requires: tuple[str, ...] = ()


def write_provided(folder: Path, packages: Iterable[Provided]) -> list[str]:
    """Write the wheels below uv's folder; the arguments that make uv look there."""
    listed = sorted(packages, key=lambda package: package.name)
    for package in listed:
        _write(folder / FOLDER, package)
    return [f"--find-links={FOLDER}"] if listed else []


def _write(folder: Path, package: Provided) -> None:
    folder.mkdir(exist_ok=True)
    stem = f"{package.name.replace('-', '_')}-{package.version}"
    requires = "".join(f"Requires-Dist: {text}\n" for text in package.requires)
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n{requires}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: envcat\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(ZipInfo(f"{stem}.dist-info/{name}"), text)
