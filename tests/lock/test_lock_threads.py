"""What threads share while they lock, and how their work ends early."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from envcatalog.lock import fetch
from envcatalog.lock.conda.loop import wait
from envcatalog.lock.download import Downloader
from envcatalog.lock.fetch import ArtefactStore
from envcatalog.lock.shared import Shared
from envcatalog.lock.stopping import Stop, StoppedError, ended_by
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Deb
from envcatalog.model.seams import Silent
from envcatalog.model.settings import DebianMirror, Settings

LONG = 60  # seconds after which a test gives up


class Told(Shared[str]):
    """Tells when a second thread waits for the first one's answer."""

    def __init__(self) -> None:
        super().__init__()
        self.joined = threading.Event()

    def _join(self, key: object) -> object:  # type: ignore[override]
        found = super()._join(key)
        if not found[1]:
            self.joined.set()
        return found


def two_at_once(shared: Told, first: Callable[[], str], second: Callable[[], str]) -> list[object]:
    """What both get; `first` ends when the second one waits for it."""
    began = threading.Event()

    def slow() -> str:
        began.set()
        assert shared.joined.wait(LONG)
        return first()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(shared.do, "key", slow)
        assert began.wait(LONG)
        two = pool.submit(shared.do, "key", second)
        return [job.exception(LONG) or job.result() for job in (one, two)]


def test_an_answer_is_shared_and_then_forgotten() -> None:
    shared = Told()
    assert two_at_once(shared, lambda: "one", lambda: "two") == ["one", "one"]
    assert shared.do("key", lambda: "three") == "three"


def test_a_refusal_is_an_answer_and_another_error_is_one_threads_own() -> None:
    def fail(error: BaseException) -> str:
        raise error

    refusal, ended = Refusal("no"), StoppedError()
    assert two_at_once(Told(), lambda: fail(refusal), lambda: "two") == [refusal, refusal]
    assert two_at_once(Told(), lambda: fail(ended), lambda: "two") == [ended, "two"]


def test_two_stores_fetch_the_same_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"deb"
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/acme.deb").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    deb = Deb(name="acme", version="1", architecture="all", path="acme.deb", size=len(data), sha256=sha256)
    settings = Settings(
        mirrors=(DebianMirror(name="here", url=str(tmp_path / "mirror"), suites=("{suite}",)),)
    )
    shared, began, fetched = Told(), threading.Event(), []
    real = Downloader.fetch

    def slow(self: Downloader, url: str, *arguments: object, **more: object) -> None:
        fetched.append(url)
        began.set()
        assert shared.joined.wait(LONG)
        real(self, url, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(fetch, "_fetching", shared)
    monkeypatch.setattr(Downloader, "fetch", slow)
    with ThreadPoolExecutor(2) as pool:
        stores = [ArtefactStore(tmp_path / "cache", settings, Silent()) for _ in range(2)]
        one = pool.submit(stores[0].path, deb)
        assert began.wait(LONG)
        two = pool.submit(stores[1].path, deb)
        assert one.result(LONG) == two.result(LONG)
    assert len(fetched) == 1
    assert one.result().read_bytes() == data


def test_the_conda_librarys_work_ends_when_it_is_stopped() -> None:
    stop, began = Stop(), threading.Event()

    async def never() -> None:
        began.set()
        await asyncio.Event().wait()

    def work() -> None:
        stop.enter()
        wait(never(), limit=LONG)

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(work)
        assert began.wait(LONG)
        stop.stop()
        assert isinstance(job.exception(LONG), asyncio.CancelledError)
        began.clear()
        assert isinstance(pool.submit(work).exception(LONG), StoppedError)
        assert not began.is_set()


def test_nothing_is_ended_that_is_over_or_belongs_to_nobody() -> None:
    stop, ended = Stop(), []
    with stop.ending(lambda: ended.append("over")):
        pass
    with ended_by(lambda: ended.append("nobody's")):
        stop.stop()
    assert ended == []
