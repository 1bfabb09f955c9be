"""Archives that are on servers: a few parts of each are asked for, several archives at once, and nobody waits for long.

The threads are daemons. A server that answers a byte a minute would otherwise hold up the command's end, for a timeout
ends a silence only.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import BinaryIO, cast

from envcatalog.lock.download import DifferentError, Downloader, GoneError, WholeError
from envcatalog.lock.learning.archives import ZIPS, BadArchiveError, read_archive, read_local
from envcatalog.lock.learning.ranges import RangeFile, TooMuchError
from envcatalog.lock.urls import Origin, local_path, origin_of
from envcatalog.model.errors import UserError
from envcatalog.model.lock import Artefact, Known

PARALLEL = 8
PATIENCE = 20.0  # seconds in which at least one archive must be done
LONGEST = 180.0  # seconds for all; a server could let one be done every now and then
WHOLE_LIMIT = 16 * 1024 * 1024  # bytes; smaller ones are fetched where a server sends no parts

_TIMEOUT = 10.0  # seconds
_PAUSE = 1.0  # seconds between two attempts, at most
_FAILURES = 2  # of one server, after which it is asked for nothing more

Place = tuple[Artefact, tuple[str, ...]]  # and its addresses, credentials included


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was learnt by sha256, with nothing of those that failed; and what must be fetched to learn of it."""

    known: dict[str, Known] = field(default_factory=dict)
    whole: list[Artefact] = field(default_factory=list)


def ask(
    places: Sequence[Place],
    credentials: Mapping[Origin, tuple[str, str]],
    *,
    broken: Counter[Origin],
    patience: float = PATIENCE,
    longest: float = LONGEST,
) -> Answers:
    """Learn of archives without fetching them.

    Args:
        broken: how often a server failed; counted on.
        patience: seconds without an answer.
        longest: seconds for all answers.
    """
    asking = _Asking(credentials, broken)
    try:
        return asking.run(places, patience, time.monotonic() + longest)
    finally:
        asking.close()


class _StoppedError(Exception):
    """Nobody waits for the answer any longer."""


class _Whole:
    """The server sends no parts, and the file is small."""


class _Asking:
    def __init__(self, credentials: Mapping[Origin, tuple[str, str]], broken: Counter[Origin]) -> None:
        self._broken = broken
        self._stopped = Event()
        self._large = Lock()
        self._downloader = Downloader(credentials, connections=PARALLEL, sleep=self._pause, timeout=_TIMEOUT)

    def close(self) -> None:
        self._stopped.set()
        self._downloader.close()

    def run(self, places: Sequence[Place], patience: float, end: float) -> Answers:
        jobs: SimpleQueue[Place] = SimpleQueue()
        done: SimpleQueue[tuple[Artefact, Known | _Whole | None]] = SimpleQueue()
        for place in places:
            jobs.put(place)
        for _ in range(min(PARALLEL, len(places))):
            Thread(target=self._work, args=(jobs, done), name="learn", daemon=True).start()
        answers, waiting = Answers(), {artefact.sha256: urls for artefact, urls in places}
        while waiting:
            try:
                artefact, answer = done.get(timeout=max(0.0, min(patience, end - time.monotonic())))
            except Empty:
                self._broken.update({origin_of(url): _FAILURES for urls in waiting.values() for url in urls})
                break
            del waiting[artefact.sha256]
            if isinstance(answer, Known):
                answers.known[artefact.sha256] = answer
            elif isinstance(answer, _Whole):
                answers.whole.append(artefact)
        return answers

    def _work(
        self, jobs: SimpleQueue[Place], done: SimpleQueue[tuple[Artefact, Known | _Whole | None]]
    ) -> None:
        while not self._stopped.is_set():
            try:
                artefact, urls = jobs.get_nowait()
            except Empty:
                return
            answer = None
            # A stranger's file that finds a bug of ours must not cost the lock.
            with suppress(Exception):
                answer = self._one(artefact, urls)
            done.put((artefact, answer))

    def _one(self, artefact: Artefact, urls: Sequence[str]) -> Known | _Whole | None:
        for url in urls:
            if self._broken[origin_of(url)] >= _FAILURES:
                continue
            try:
                return self._read(artefact, url)
            except (BadArchiveError, TooMuchError):
                return Known()
            except WholeError as error:
                return _without_parts(artefact, error)
            except (GoneError, DifferentError):
                continue  # another mirror may have it
            except UserError:
                self._broken[origin_of(url)] += 1
        return None

    def _read(self, artefact: Artefact, url: str) -> Known:
        path = local_path(url)
        if path is not None:
            try:
                return read_local(artefact, path, large=self._large).to_known()
            except OSError:
                raise GoneError from None
        is_zip = artefact.file.endswith(ZIPS)
        with RangeFile(
            lambda start, end: self._part(artefact, url, start, end), artefact.size, self._large, tail=is_zip
        ) as file:
            return read_archive(artefact, cast(BinaryIO, file), whole=False).to_known()

    def _part(self, artefact: Artefact, url: str, start: int, end: int) -> bytes:
        if self._stopped.is_set():
            raise _StoppedError
        return self._downloader.part(url, start, end, size=artefact.size)

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(min(seconds, _PAUSE)):
            raise _StoppedError


def _without_parts(artefact: Artefact, error: WholeError) -> Known | _Whole | None:
    if error.size not in (None, artefact.size):
        return None  # not this file: a login page, perhaps
    if artefact.size <= WHOLE_LIMIT:
        return _Whole()
    return Known() if error.size == artefact.size else None
