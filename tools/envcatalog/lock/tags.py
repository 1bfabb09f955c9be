"""Which wheel fits an image: tags of a Linux with a given glibc, most specific first.

Sources: PEP 425 (tags), PEP 600 (manylinux), and the order of `packaging.tags.sys_tags`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

# glibc of the Debian releases that can be a base.
_GLIBC = {"bullseye": 31, "bookworm": 36, "trixie": 41, "forky": 41, "sid": 41}
# An unknown base image: the floor that today's scientific wheels ask for. A wheel that fits it runs on every
# distribution since 2018, Debian 10 and RHEL 8 included.
UNKNOWN_GLIBC = 28
_UV_GLIBC = (40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 17)
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
# PEP 600: the older names of three manylinux levels; x86_64 begins with glibc 2.5, all others with 2.17.
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLDEST = {"x86_64": 5, "aarch64": 17}


def glibc_minor(suite: str | None) -> int:
    """The N of the base's glibc 2.N; a cautious one where the base is no Debian suite that we know."""
    return _GLIBC.get(suite or "", UNKNOWN_GLIBC)


def uv_platform(platform: str, glibc: int) -> str:
    """The value of uv's ``--python-platform`` that is nearest to the target from below."""
    level = next((known for known in _UV_GLIBC if known <= glibc), _UV_GLIBC[-1])
    return f"{_MACHINES[platform]}-manylinux_2_{level}"


@cache
def tag_ranks(version: str, platform: str, glibc: int) -> dict[str, int]:
    """Every tag that CPython `version` (``3.11``) accepts on the target, and its rank; 0 is best."""
    from packaging.tags import compatible_tags, cpython_tags

    platforms = list(_platform_tags(_MACHINES[platform], glibc))
    major, minor = (int(part) for part in version.split(".")[:2])
    interpreter = f"cp{major}{minor}"
    tags = [
        *cpython_tags((major, minor), [interpreter], platforms),
        *compatible_tags((major, minor), interpreter, platforms),
    ]
    return {str(tag): rank for rank, tag in reversed(list(enumerate(tags)))}


def best_file(files: Iterable[str], ranks: dict[str, int]) -> str | None:
    """The file name that fits best; None where none does."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    best: tuple[tuple[int, tuple[int, str], str], str] | None = None
    for file in files:
        try:
            _, _, build, tags = parse_wheel_filename(file)
        except InvalidWheelFilename:
            continue
        rank = min((ranks[str(tag)] for tag in tags if str(tag) in ranks), default=None)
        if rank is None:
            continue
        number, rest = build or (0, "")
        order = (rank, (-number, rest), file)  # a later build of the same wheel wins
        if best is None or order < best[0]:
            best = (order, file)
    return best[1] if best else None


def _platform_tags(machine: str, glibc: int) -> Iterator[str]:
    yield f"linux_{machine}"
    for level in range(glibc, _OLDEST[machine] - 1, -1):
        yield f"manylinux_2_{level}_{machine}"
        if level in _OLD_NAMES:
            yield f"{_OLD_NAMES[level]}_{machine}"
