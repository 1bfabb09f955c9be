"""Exported files on disk: written in one step each, or compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envcatalog.catalog.writing import write_file
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
            write_file(place, item.text.encode(), keep_mode=False)
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
