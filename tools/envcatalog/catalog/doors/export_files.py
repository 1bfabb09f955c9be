"""Exported files on disk: written in one step each, or compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from envcatalog.model.errors import UserError
from envcatalog.model.export import TextFile


def targets(files: Sequence[TextFile], output: Path) -> dict[str, Path]:
    """Where each file goes: into the folder `output`, or, if there is one file alone, to the file `output`.

    Raises:
        UserError: there are several files, and `output` is a file.
    """
    if len(files) == 1 and not output.is_dir():
        return {files[0].name: output}
    if output.exists() and not output.is_dir():
        names = ", ".join(f"`{item.name}`" for item in files)
        raise UserError(f"`{output}` is a file, and there are {names} to write", "choose a folder")
    return {item.name: output / item.name for item in files}


def write_files(files: Sequence[TextFile], places: dict[str, Path]) -> None:
    """Write them; each appears whole, or stays as it was.

    Raises:
        UserError: a place cannot be written to.
    """
    for item in files:
        place = places[item.name]
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(
                "w", dir=place.parent, prefix=".", delete=False, encoding="utf-8", newline="\n"
            ) as out:
                out.write(item.text)
            Path(out.name).chmod(0o666 & ~_umask())
            os.replace(out.name, place)
        except OSError as error:
            raise UserError(f"`{place}` cannot be written: {(error.strerror or '').lower()}") from error


def differing(files: Sequence[TextFile], places: dict[str, Path]) -> tuple[Path, ...]:
    """The places that hold something else, or nothing."""
    return tuple(places[item.name] for item in files if _read(places[item.name]) != item.text.encode())


def _read(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except OSError:
        return None


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
