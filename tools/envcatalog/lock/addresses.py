"""Where wheels are: remembered in the cache by digest, else asked of uv. No lock holds an address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from envcatalog.lock.indexes import machine_indexes
from envcatalog.lock.named import DEFAULT_INDEX, check_index, index_url, is_flat
from envcatalog.lock.pylock import Candidate, read_pylock
from envcatalog.lock.urls import without_credentials
from envcatalog.lock.uv import compile_arguments, run_uv, uv_folder
from envcatalog.model.errors import UserError
from envcatalog.model.lock import Wheel
from envcatalog.model.settings import Settings

_CPYTHON = re.compile(r"-cp3(\d+)-cp3\d+")
# Tried after those that the wheels' own tags name; a package may need a newer Python than its file name says.
_MINORS = (11, 12, 13, 14, 10, 9)


def remember(cache: Path, addresses: Iterable[tuple[str, str]]) -> None:
    """Keep (sha256, URL) pairs, credentials left out."""
    folder = cache / "addresses"
    folder.mkdir(parents=True, exist_ok=True)
    for sha256, url in addresses:
        with NamedTemporaryFile("w", dir=folder, prefix=".", delete=False) as out:
            out.write(without_credentials(url))
        Path(out.name).replace(folder / sha256)


def recall(cache: Path, sha256: str) -> str | None:
    """The URL last seen for these bytes; it may be out of date."""
    try:
        return (cache / "addresses" / sha256).read_text() or None
    except OSError:
        return None


def look_up(wheels: Sequence[Wheel], settings: Settings, cache: Path) -> dict[str, str]:
    """Ask the indexes where these wheels are; sha256 to URL, without those that are nowhere.

    Raises:
        Refusal: a wheel is said to come from an index that it may not come from.
        UserError: uv cannot be run, or an index cannot be reached.
    """
    found: dict[str, str] = {}
    for wheel in wheels:
        check_index(wheel.name, wheel.index, settings)
    for index in sorted({wheel.index for wheel in wheels}):
        ours = [wheel for wheel in wheels if wheel.index == index]
        arguments = index_arguments(index, settings)
        for batch in _one_version_each(ours):
            found.update(_ask(batch, arguments, cache))
    remember(cache, found.items())
    return found


def _ask(wheels: Sequence[Wheel], arguments: list[str], cache: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    missing = list(wheels)
    for minor in _minors(wheels):
        candidates = _solve(missing, minor, arguments, cache)
        if candidates is None and len(missing) > 1:
            # one that is gone spoils the answer for all, so each is asked for alone
            solved = (_solve([wheel], minor, arguments, cache) or () for wheel in missing)
            candidates = tuple(candidate for group in solved for candidate in group)
        found.update(_matches(missing, candidates or ()))
        missing = [wheel for wheel in missing if wheel.sha256 not in found]
        if not missing:
            break
    return found


def _solve(
    wheels: Sequence[Wheel], minor: int, arguments: list[str], cache: Path
) -> tuple[Candidate, ...] | None:
    with uv_folder(cache) as folder:
        lines = sorted({f"{wheel.name}=={wheel.version}\n" for wheel in wheels})
        (folder / "requirements.txt").write_text("".join(lines))
        options = ["--universal", "--no-deps", "--format=pylock.toml", f"--python-version=3.{minor}"]
        result = run_uv([*compile_arguments(), *options, *arguments, "requirements.txt"], folder)
        if not result.ok and not result.unsatisfiable:
            raise UserError(f"`uv` failed: {result.explanation}", "is the package index reachable? try again")
        return read_pylock(result.output, folder) if result.ok else None


def _matches(wheels: Iterable[Wheel], candidates: Iterable[Candidate]) -> dict[str, str]:
    files = {(candidate.name, remote.file): remote for candidate in candidates for remote in candidate.wheels}
    found: dict[str, str] = {}
    for wheel in wheels:
        remote = files.get((wheel.name, wheel.file))
        if remote is not None and remote.sha256 in ("", wheel.sha256):
            found[wheel.sha256] = remote.url
    return found


def _minors(wheels: Iterable[Wheel]) -> list[int]:
    named = sorted({int(match[1]) for wheel in wheels for match in _CPYTHON.finditer(wheel.file)})
    return list(dict.fromkeys([*named, *_MINORS]))


def _one_version_each(wheels: Iterable[Wheel]) -> list[list[Wheel]]:
    """Groups in which no package has two versions, since one solve cannot hold both."""
    batches: list[tuple[dict[str, str], list[Wheel]]] = []
    for wheel in wheels:
        fitting = (batch for batch in batches if batch[0].get(wheel.name, wheel.version) == wheel.version)
        versions, members = next(fitting, ({}, []))
        if not members:
            batches.append((versions, members))
        versions[wheel.name] = wheel.version
        members.append(wheel)
    return [members for _, members in batches]


def index_arguments(name: str, settings: Settings) -> list[str]:
    """Options that make uv ask one index and no other; `name` is one of the settings, or the default's."""
    if name == DEFAULT_INDEX:
        return machine_indexes().uv_arguments()
    index = next(index for index in settings.indexes if index.name == name)
    if is_flat(index):
        return ["--no-index", f"--find-links={index_url(index)}"]
    return [f"--default-index={index.name}={index_url(index)}"]
