"""The state of a suite: verified Release files of all archives, and their Packages indexes, cached."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from envcatalog.formats.archives.inflate import BadStream, open_inflated
from envcatalog.lock.debian.http import Downloads
from envcatalog.lock.debian.mirrors import machine_keyrings, mirrors_of
from envcatalog.lock.debian.packages import PackageIndex, reduce_index
from envcatalog.lock.debian.release import Release, fetch_release, index_entry, read_index, read_keyring
from envcatalog.lock.shared import Shared
from envcatalog.lock.urls import credentials_in, redacted
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.seams import Progress
from envcatalog.model.settings import DebianMirror, Settings

INDEX_LIMIT = 512 << 20
REDUCED_FORMAT = 2  # another one for each change of `packages.FIELDS`
_SUITE = re.compile(r"[a-z][a-z0-9-]*\Z")
_COMPONENT = "main"
_SUFFIXES = (".xz", ".gz", "")


def load_indexes(
    suite: str, architectures: Sequence[str], *, settings: Settings, cache: Path, progress: Progress
) -> dict[str, PackageIndex]:
    """The indexes of a suite by architecture (Debian's names).

    One process sees one state of the archives: Release files are fetched once, so all environments that a
    command locks agree. `forget` ends that. Threads that ask at the same time share fetching and parsing.

    Raises:
        Refusal: no mirror, no such suite, or something is not as signed.
        UserError: a mirror cannot be reached and no other serves the same suite.
    """
    if not _SUITE.match(suite):  # it becomes part of addresses
        raise Refusal(f"`{suite}` is no name of a Debian suite")
    mirrors = mirrors_of(settings)
    with Downloads(credentials_in(mirror.url for mirror in mirrors)) as downloads:
        releases, notes = _releases(suite, mirrors, settings.keyring, downloads)
        for note in notes:
            progress.step(note)
        jobs = [(release, name) for name in architectures for release in releases]
        with ThreadPoolExecutor(max(1, min(8, len(jobs)))) as pool:
            texts = list(pool.map(lambda job: _reduced(downloads, job[0], job[1], cache), jobs))
    found: dict[str, PackageIndex] = {}
    for name in architectures:
        mine = tuple(text for (_, other), text in zip(jobs, texts, strict=True) if other == name)
        found[name] = _shared_index(mine, name, f"`{suite}` for {name}")
    return found


def forget() -> None:
    """Let the next `load_indexes` ask the archives again."""
    _known_releases.clear()
    _reduced_text.cache_clear()
    _index.cache_clear()


_known_releases: dict[tuple[object, ...], tuple[tuple[Release, ...], tuple[str, ...]]] = {}
_releases_now: Shared[tuple[tuple[Release, ...], tuple[str, ...]]] = Shared()
_reduced_now: Shared[bytes] = Shared()
_indexes_now: Shared[PackageIndex] = Shared()


def _releases(
    suite: str, mirrors: tuple[DebianMirror, ...], keyring: str | None, downloads: Downloads
) -> tuple[tuple[Release, ...], tuple[str, ...]]:
    """All sources' Release files, and what is to be said about sources that were left out."""
    key = (suite, mirrors, keyring)

    def fetch_all() -> tuple[tuple[Release, ...], tuple[str, ...]]:
        if key not in _known_releases:
            _known_releases[key] = _fetch_releases(suite, mirrors, keyring, downloads)
        return _known_releases[key]

    return _releases_now.do(key, fetch_all)


def _fetch_releases(
    suite: str, mirrors: tuple[DebianMirror, ...], keyring: str | None, downloads: Downloads
) -> tuple[tuple[Release, ...], tuple[str, ...]]:
    certs = read_keyring((Path(keyring),) if keyring else machine_keyrings(suite))
    now = datetime.now(UTC)
    sources = [(mirror, pattern) for mirror in mirrors for pattern in mirror.suites]

    def fetch(source: tuple[DebianMirror, str]) -> Release | UserError:
        mirror, pattern = source
        name = pattern.replace("{suite}", suite)
        try:
            release = fetch_release(downloads, mirror, name, certs, now=now)
        except UserError as error:
            return error
        return release or Refusal(
            f"the Debian mirror `{mirror.name}` has no suite `{name}`",
            "check `base.debian`, and the suites of `debian.mirrors` in `catalog/catalog.yaml`",
        )

    with ThreadPoolExecutor(max(1, min(8, len(sources)))) as pool:
        results = list(pool.map(fetch, sources))
    return _settle([pattern for _, pattern in sources], results)


def _settle(
    patterns: Sequence[str], results: Sequence[Release | UserError]
) -> tuple[tuple[Release, ...], tuple[str, ...]]:
    """A source may fail when another one serves the same pattern; ``-security`` is never lost in silence."""
    served = {
        pattern for pattern, result in zip(patterns, results, strict=True) if isinstance(result, Release)
    }
    notes = []
    for pattern, result in zip(patterns, results, strict=True):
        if isinstance(result, UserError):
            if pattern not in served:
                raise result
            notes.append(f"left out: {result.message}")
    return tuple(result for result in results if isinstance(result, Release)), tuple(notes)


def _reduced(downloads: Downloads, release: Release, architecture: str, cache: Path) -> bytes:
    """The reduced Packages index of one source, from the cache where it is there."""
    path, suffix = _choose(release, architecture)
    sha256, _ = index_entry(release, path)
    place = cache / "debian" / f"{sha256}.v{REDUCED_FORMAT}"
    return _reduced_now.do(place, lambda: _reduced_at(place, downloads, release, path, suffix))


def _reduced_at(place: Path, downloads: Downloads, release: Release, path: str, suffix: str) -> bytes:
    try:
        return _reduced_text(place)
    except FileNotFoundError:
        pass
    data = read_index(downloads, release, path)
    try:
        stream = open_inflated(BytesIO(data), suffix, stored=len(data), limit=INDEX_LIMIT)
        reduced = b"".join(reduce_index(stream))
    except BadStream as error:
        raise Refusal(f"`{redacted(release.address)}/{path}`: {error.message}") from None
    _write(place, reduced)
    return _reduced_text(place)


def _choose(release: Release, architecture: str) -> tuple[str, str]:
    """The smallest form of the index that the Release lists."""
    stem = f"{_COMPONENT}/binary-{architecture}/Packages"
    for suffix in _SUFFIXES:
        if stem + suffix in release.files:
            return stem + suffix, suffix
    raise Refusal(f"the Debian suite `{release.suite}` has no packages for {architecture}")


@lru_cache(maxsize=32)
def _reduced_text(place: Path) -> bytes:
    return place.read_bytes()


def _shared_index(texts: tuple[bytes, ...], architecture: str, label: str) -> PackageIndex:
    key = (texts, architecture, label)
    return _indexes_now.do(key, lambda: _index(*key))


@lru_cache(maxsize=8)
def _index(texts: tuple[bytes, ...], architecture: str, label: str) -> PackageIndex:
    return PackageIndex(texts, architecture=architecture, label=label)


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, place)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108
        raise
