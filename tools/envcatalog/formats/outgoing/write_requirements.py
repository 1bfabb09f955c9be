"""`requirements.txt` with hashes, for `pip install --require-hashes`, `uv pip sync` and what reads such files.

Source: pip's documentation, "Requirements File Format" and "Secure installs".
"""

from __future__ import annotations

from collections.abc import Iterator

from envcatalog.formats.outgoing.header import header
from envcatalog.formats.outgoing.leaving import left_out
from envcatalog.formats.outgoing.wheel_groups import Package, packages_of
from envcatalog.model.errors import Refusal
from envcatalog.model.export import Exported, TextFile, Written

HELD = frozenset({("python", "packages"), ("platforms",)})
BESIDE = frozenset({("base",), ("python", "version")})
REASON = "a requirements file holds Python packages and nothing else"


def write_requirements(given: Exported) -> Written:
    """Every wheel, inherited ones too; with several platforms, a marker where they differ.

    Raises:
        Refusal: the environment has no Python packages that we know of.
    """
    text = requirements_text(given)
    return Written(
        files=(TextFile(name="requirements.txt", text=text),),
        left=left_out(given.environment, HELD, REASON, beside=BESIDE),
    )


def requirements_text(given: Exported) -> str:
    """The file's text; Refusal as above."""
    python = given.environment.python
    if python is None:
        raise Refusal(
            f"`{given.label}` has no `python:`, so no Python packages are locked", "choose another format"
        )
    lines = [*header(given, "requirements", python=python.version), *given.index]
    for package in packages_of(given.locks):
        lines += _lines(package)
    return "\n".join(lines) + "\n"


def _lines(package: Package) -> Iterator[str]:
    marker = f" ; {package.marker}" if package.marker else ""
    hashes = [f"--hash=sha256:{wheel.sha256}" for wheel in package.wheels]
    yield f"{package.name}=={package.version}{marker} \\"
    yield from (f"    {item} \\" for item in hashes[:-1])
    yield f"    {hashes[-1]}"
