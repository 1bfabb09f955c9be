"""The formats that environments are exported to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from envcatalog.formats.write_pylock import write_pylock
from envcatalog.formats.write_requirements import write_requirements
from envcatalog.model.export import Exported, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format, and what its writer must be given.

    Attributes:
        file: the name of its (first) file.
        about: what it is, for the list of formats.
        lock: it holds what is locked, so that the lock must be up to date.
        addresses: it demands the addresses of ``wheels`` or ``conda`` packages.
        one_platform: a file is for one platform.
        image: it prefers the published image.
    """

    name: str
    file: str
    about: str
    write: Callable[[Exported], Written]
    lock: bool = False
    addresses: tuple[str, ...] = ()
    one_platform: bool = False
    image: bool = False


FORMATS: dict[str, Format] = {
    item.name: item
    for item in (
        Format(
            name="requirements",
            file="requirements.txt",
            about="every wheel with its hash, for pip and uv",
            write=write_requirements,
            lock=True,
        ),
        Format(
            name="pylock",
            file="pylock.toml",
            about="every wheel with address, size and hash (PEP 751)",
            write=write_pylock,
            lock=True,
            addresses=("wheels",),
        ),
    )
}
