"""The files that a lock names, kept by their sha256 in the cache.

Several processes may share the cache: a file appears under its digest in one step, complete and verified.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock

from envcatalog.lock.addresses import look_up, recall
from envcatalog.lock.conda.channels import package_addresses
from envcatalog.lock.download import DifferentError, Downloader, GoneError
from envcatalog.lock.indexes import machine_indexes
from envcatalog.lock.named import check_index
from envcatalog.lock.shared import Shared
from envcatalog.lock.stopping import ended_by
from envcatalog.lock.urls import credentials_in, local_path
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.lock import Artefact, CondaPackage, Deb, LockedFile, Wheel
from envcatalog.model.seams import Bar, Progress
from envcatalog.model.settings import DebianMirror, Settings

PARALLEL = 4
_DAY = 86400.0  # seconds
Fetch = Callable[..., None]  # `Downloader.fetch`, or one with the same arguments
_fetching: Shared[None] = Shared()  # by all stores of this process


class _StoppedError(Exception):
    """Another download failed, so this one ends too."""


class _Meter:
    """A bar for several threads, and the way to stop them between two chunks."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._lock = Lock()
        self._stopped = False

    def stop(self) -> None:
        """Whoever advances next is ended."""
        self._stopped = True

    def advance(self, count: int) -> None:
        """More bytes are done (fewer, when an attempt begins anew)."""
        if self._stopped:
            raise _StoppedError
        with self._lock:
            self._bar.advance(count)


class ArtefactStore:
    """`model.seams.Artefacts` over the configured indexes, mirrors and channels.

    Args:
        cache: the cache folder; files go to ``artefacts/sha256/`` below it.
    """

    def __init__(self, cache: Path, settings: Settings, progress: Progress) -> None:
        self._cache = cache
        self._settings = settings
        self._progress = progress
        self._folder = cache / "artefacts" / "sha256"

    def path(self, artefact: Artefact) -> Path:
        """The verified local file, fetched if need be.

        Raises:
            Refusal: the file is nowhere, or its bytes differ from the lock.
            UserError: a place cannot be reached.
        """
        if not self._present(artefact):
            self.prefetch((artefact,))
        return self._folder / artefact.sha256

    def has(self, artefact: Artefact) -> bool:
        """Whether the file is here."""
        return self._present(artefact)

    def keep(self, artefact: Artefact, data: bytes) -> None:
        """Take a file that is fetched from nowhere.

        Raises:
            Refusal: it is not the one that the lock names.
        """
        found = hashlib.sha256(data).hexdigest()
        if found != artefact.sha256:
            raise _different(artefact, DifferentError(f"its sha256 is `{found}`"))
        self._folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._folder, prefix=".", suffix=".part", delete=False) as out:
            out.write(data)
        Path(out.name).replace(self._folder / artefact.sha256)

    def prefetch(self, artefacts: tuple[Artefact, ...]) -> None:
        """Fetch all that is missing, in parallel; same errors as `path`. What came in time is kept."""
        unique = {artefact.sha256: artefact for artefact in artefacts}
        missing = [artefact for artefact in unique.values() if not self._present(artefact)]
        if not missing:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        places = self.places(missing)
        for artefact in missing:
            if artefact.sha256 not in places:
                raise Gone(artefact)
        total = sum(artefact.size for artefact in missing)
        noun = "file" if len(missing) == 1 else "files"
        downloader = Downloader(self.credentials(), connections=PARALLEL)
        try:
            with self._progress.bar(f"fetching {len(missing)} {noun}", total) as bar:
                self._fetch_all(missing, places, downloader, _Meter(bar))
        finally:
            downloader.close()

    def _sweep(self) -> None:
        """Remove what killed processes left; a running one touches its file more often than once a day."""
        for path in self._folder.glob(".*.part"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _DAY:
                    path.unlink()

    def _fetch_all(
        self,
        missing: Sequence[Artefact],
        places: dict[str, tuple[str, ...]],
        downloader: Downloader,
        bar: _Meter,
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor

        def once(item: Artefact) -> None:
            key, where = self._folder / item.sha256, places[item.sha256]
            _fetching.do(key, lambda: self._fetch(item, where, downloader, bar))

        # the largest first: otherwise it may start last and everything waits for it
        order = sorted(missing, key=lambda artefact: -artefact.size)
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="fetch") as pool:
            jobs = [pool.submit(once, item) for item in order]
            try:
                with ended_by(bar.stop):
                    for job in jobs:
                        job.result()
            except BaseException:
                bar.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch(
        self, artefact: Artefact, places: tuple[str, ...], downloader: Downloader, bar: _Meter
    ) -> None:
        if self._present(artefact):  # another thread has fetched it since it was missing
            return
        unreachable: UserError | None = None
        for url in places:
            try:
                self._store(artefact, url, downloader, bar)
                return
            except GoneError:
                continue
            except UserError as error:
                if isinstance(error, Refusal):
                    raise
                unreachable = error  # another mirror may have it
        if isinstance(artefact, (Wheel, LockedFile)):
            for url in self._new_address(artefact, places):
                try:
                    self._store(artefact, url, downloader, bar)
                    return
                except GoneError:
                    continue
        raise unreachable or Gone(artefact)

    def _new_address(self, file: Wheel | LockedFile, tried: tuple[str, ...]) -> list[str]:
        """A remembered address may be out of date; ask again, unless the answer was fresh."""
        if isinstance(file, LockedFile):
            from envcatalog.lock.spark import ask_again

            return [url for url in ask_again(file, self._settings, self._cache) if url not in tried]
        found = look_up([file], self._settings, self._cache)
        return [url for url in found.values() if url not in tried]

    def _store(self, artefact: Artefact, url: str, downloader: Downloader, bar: _Meter) -> None:
        target = self._folder / artefact.sha256
        # one folder, so that `os.replace` is one step; a name of our own, so that two processes do not meet
        with NamedTemporaryFile(dir=self._folder, prefix=".", suffix=".part", delete=False) as out:
            temporary = Path(out.name)
            try:
                fetch = _fetcher(artefact, url, downloader)
                fetch(url, out.file, size=artefact.size, sha256=artefact.sha256, advance=bar.advance)
                out.flush()
                temporary.replace(target)
            except DifferentError as error:
                raise _different(artefact, error) from None
            finally:
                temporary.unlink(missing_ok=True)

    def _present(self, artefact: Artefact) -> bool:
        try:
            return (self._folder / artefact.sha256).stat().st_size == artefact.size
        except OSError:
            return False

    def places(self, missing: Sequence[Artefact]) -> dict[str, tuple[str, ...]]:
        """sha256 to the addresses that may have the file, credentials included; without wheels that are nowhere.

        Raises:
            Refusal: a file is said to come from where it may not come from.
            UserError: an index cannot be reached.
        """
        debs = [artefact for artefact in missing if isinstance(artefact, Deb)]
        wheels = [artefact for artefact in missing if isinstance(artefact, Wheel)]
        places = self._wheel_places(wheels)
        if debs:
            mirrors = _snapshots_last(self._mirrors())
            for deb in debs:
                places[deb.sha256] = tuple(f"{mirror.url.rstrip('/')}/{deb.path}" for mirror in mirrors)
        for package in missing:
            if isinstance(package, CondaPackage):
                places[package.sha256] = package_addresses(package, self._settings)
            elif isinstance(package, LockedFile):
                places[package.sha256] = self._file_places(package)
        return places

    def _wheel_places(self, wheels: Sequence[Wheel]) -> dict[str, tuple[str, ...]]:
        for wheel in wheels:
            check_index(wheel.name, wheel.index, self._settings)
        known = {wheel.sha256: recall(self._cache, wheel.sha256) for wheel in wheels}
        unknown = [wheel for wheel in wheels if known[wheel.sha256] is None]
        if unknown:
            wheels_are = "1 wheel is" if len(unknown) == 1 else f"{len(unknown)} wheels are"
            self._progress.step(f"asking the package index where {wheels_are}")
            known.update(look_up(unknown, self._settings, self._cache))
        return {sha256: (url,) for sha256, url in known.items() if url is not None}

    def _file_places(self, file: LockedFile) -> tuple[str, ...]:
        from envcatalog.lock.spark import file_places

        return file_places(file, self._settings, self._cache)

    def _mirrors(self) -> tuple[DebianMirror, ...]:
        from envcatalog.lock.debian.mirrors import mirrors_of

        return mirrors_of(self._settings)

    def credentials(self) -> dict[tuple[str, str, int | None], tuple[str, str]]:
        """User name and password by origin, of all that is configured."""
        named = (index.url for index in self._settings.indexes)
        mirrors = (mirror.url for mirror in self._settings.mirrors)
        repositories = (repository.url for repository in self._settings.maven)
        return credentials_in([*named, *mirrors, *repositories, *machine_indexes().credentials])


class Gone(Refusal):
    """None of the configured places has a locked file any longer.

    Args:
        environment: whose lock names the file; the store does not know it, so who does raises the error again.
    """

    def __init__(self, artefact: Artefact, environment: str = "") -> None:
        where, extra = "package index", ""
        if isinstance(artefact, CondaPackage):
            where = f"conda channel `{artefact.channel}`"
        elif isinstance(artefact, LockedFile):
            kind, _, name = artefact.source.partition(":")
            names = {"folder": "environment's folder", "maven": f"Maven repository `{name}`"}
            where = names.get(kind, where)
        elif isinstance(artefact, Deb):
            where, extra = "Debian mirrors", ", or name a snapshot archive in `catalog/catalog.yaml`"
        command = f"envcat lock --upgrade-package {artefact.name} {environment}".rstrip()
        super().__init__(
            f"`{artefact.file}` of `{artefact.name}` is no longer in the {where}", f"run `{command}`{extra}"
        )
        self.artefact = artefact


def _fetcher(artefact: Artefact, url: str, downloader: Downloader) -> Fetch:
    if isinstance(artefact, CondaPackage) and local_path(url) is None:
        from envcatalog.lock.conda.download import fetch_package

        return fetch_package
    return downloader.fetch


def _different(artefact: Artefact, error: DifferentError) -> Refusal:
    return Refusal(
        f"`{artefact.file}` of `{artefact.name}` differs from the lock: {error}",
        f"if the new file is to be trusted, run `envcat lock --upgrade-package {artefact.name}`",
    )


def _snapshots_last(mirrors: Iterable[DebianMirror]) -> list[DebianMirror]:
    return sorted(mirrors, key=lambda mirror: not mirror.suites)
