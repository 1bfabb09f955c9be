"""Several environments are locked at the same time, and nobody can tell from what is written and said."""

from __future__ import annotations

import os
import signal
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from envcatalog.catalog.building import solving
from envcatalog.catalog.building.turn import Turn
from envcatalog.catalog.writing import write_file
from envcatalog.lock import uv
from envcatalog.model.environment import Environment
from envcatalog.model.lock import Lock
from envcatalog.model.seams import Bar
from support.catalogs import PYTHON, Ran, Workplace, definition

LONG = 60  # seconds after which a test gives up waiting for what never comes
Before = Callable[[str], None]


class Seam:
    """Stands before `lock_environment`, and keeps what went on there.

    Attributes:
        before: called with an environment's name, on the thread that will solve it.
        seen: ``+name`` when one begins, ``-name`` when it ends.
        done: by name, set when it ends.
    """

    def __init__(self, real: Callable[..., Lock]) -> None:
        self._real = real
        self.before: Before = lambda _name: None
        self.seen: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.done: dict[str, threading.Event] = {}

    def wait_for(self, *names: str) -> None:
        for name in names:
            assert self.end_of(name).wait(LONG), f"{name} is not being solved"

    def end_of(self, name: str) -> threading.Event:
        return self.done.setdefault(name, threading.Event())

    def __call__(self, environment: Environment, **more: Any) -> Lock:
        name = environment.name
        self.seen.append(f"+{name}")
        self.threads.add(threading.current_thread())
        try:
            self.before(name)
            return self._real(environment, **more)
        finally:
            self.seen.append(f"-{name}")
            self.end_of(name).set()


@pytest.fixture
def seam(monkeypatch: pytest.MonkeyPatch) -> Seam:
    """Two threads, whatever this machine has."""
    made = Seam(solving.lock_environment)
    monkeypatch.setattr(solving, "lock_environment", made)
    monkeypatch.setattr(solving, "thread_count", lambda: 2)
    return made


def write(place: Workplace, name: str, *packages: str, base: str | None = None) -> None:
    below = {"base": f"{{environment: {base}}}"} if base else {}
    place.write(name, definition(name, *packages, **below))


def one_by_one(place: Workplace, *arguments: str) -> Ran:
    """The command with one thread."""
    with place.monkeypatch.context() as patch:
        patch.setattr(solving, "thread_count", lambda: 1)
        return place.run(*arguments)


def locks(place: Workplace) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in place.root.glob("catalog/*/lock.json")}


def remove_locks(place: Workplace) -> None:
    for path in place.root.glob("catalog/*/lock.json"):
        path.unlink()


def test_two_environments_are_solved_at_the_same_time(workplace: Workplace, seam: Seam) -> None:
    both = threading.Barrier(2)
    seam.before = lambda _name: (both.wait(LONG), None)[1]
    write(workplace, "a", "alpha")
    write(workplace, "b", "beta")
    workplace.lock()
    assert set(locks(workplace)) == {"a", "b"}
    assert threading.main_thread() not in seam.threads


def test_one_environment_needs_no_thread(workplace: Workplace, seam: Seam) -> None:
    write(workplace, "a", "alpha")
    workplace.lock()
    assert seam.threads == {threading.main_thread()}


def family(place: Workplace) -> None:
    """In order a, b, c, d, e; `c` inherits from `a`, and `d` from `c`."""
    write(place, "a", "alpha<2")
    write(place, "b", "alpha")
    write(place, "c", "beta", base="a")
    write(place, "d", "gamma", base="c")
    write(place, "e", "gamma")


def test_files_and_words_are_those_of_one_thread(workplace: Workplace, seam: Seam) -> None:
    family(workplace)
    alone = one_by_one(workplace, "lock")
    expected = locks(workplace)
    assert (alone.code, len(expected)) == (0, 5)
    assert [line.partition(" ")[2] for line in alone.err.splitlines() if line.startswith("locking")] == [
        *"abcde"
    ]
    remove_locks(workplace)
    seam.seen.clear()
    seam.done.clear()
    seam.before = lambda name: seam.wait_for("b", "e") if name == "a" else None
    together = workplace.run("lock")
    assert together == alone
    assert locks(workplace) == expected
    assert seam.seen[-5:] == ["-a", "+c", "-c", "+d", "-d"]


def test_a_base_that_becomes_stale_is_locked_before_what_inherits_from_it(
    workplace: Workplace, seam: Seam
) -> None:
    family(workplace)
    workplace.lock()
    workplace.edit("a", "alpha<2", "alpha")
    seam.seen.clear()
    done = workplace.run("lock", "d", "e", "--format", "json")
    assert [(row["environment"], row["status"]) for row in done.json["locks"]] == [
        ("a", "written"),
        ("c", "written"),
        ("d", "written"),
        ("e", "unchanged"),
    ]
    assert [item for item in seam.seen if item[1] != "e"] == ["+a", "-a", "+c", "-c", "+d", "-d"]
    assert workplace.run("lock", "--check").code == 0


def test_a_thousand_do_not_wait_in_memory(workplace: Workplace, seam: Seam) -> None:
    most = 2 * solving.AHEAD
    names = [f"e{number}" for number in range(most + 3)]
    for name in names:
        write(workplace, name, "gamma")
    last = sorted(names)[most - 1]
    seen_by_first: list[str] = []

    def before(name: str) -> None:
        if name == "e0":
            seam.wait_for(last)
            seen_by_first.extend(item for item in seam.seen if item[0] == "+")

    seam.before = before
    workplace.lock()
    assert len(seen_by_first) == most
    assert len(locks(workplace)) == len(names)


def test_the_first_refusal_in_order_ends_it_and_what_comes_later_is_not_written(
    workplace: Workplace, seam: Seam
) -> None:
    write(workplace, "a", "alpha")
    write(workplace, "b", "alpha>5")
    write(workplace, "c", "alpha>6")
    write(workplace, "d", "alpha")
    alone = one_by_one(workplace, "lock")
    assert (alone.code, alone.out, set(locks(workplace))) == (1, "", {"a"})
    assert f"error: no set of wheels for Python {PYTHON} on linux/amd64 fits\n" in alone.err
    assert "alpha>5" in alone.err
    remove_locks(workplace)
    seam.seen.clear()
    seam.done.clear()
    seam.before = lambda name: seam.wait_for("c", "d") if name == "b" else None
    assert workplace.run("lock") == alone
    assert set(locks(workplace)) == {"a"}
    assert {"-c", "-d"} <= set(seam.seen)
    assert {item.name for item in (workplace.root / "catalog/d").iterdir()} == {"environment.yaml"}
    assert list((workplace.cache / "tmp").iterdir()) == []


def test_a_lock_that_cannot_be_read_is_told_in_its_turn(workplace: Workplace, seam: Seam) -> None:
    write(workplace, "a", "alpha>5")
    write(workplace, "b", "alpha")
    (workplace.root / "catalog/b/lock.json").write_text("{")
    refused = workplace.run("lock")
    assert refused.code == 1
    assert "alpha>5" in refused.err
    assert "locking b" not in refused.err
    workplace.edit("a", "alpha>5", "alpha")
    broken = workplace.run("lock")
    assert (broken.code, broken.out) == (2, "")
    alone = one_by_one(workplace, "lock", "b")
    assert broken.err.endswith(alone.err)
    assert alone.err.endswith("hint: run `envcat lock --upgrade b` to make it anew\n")
    assert workplace.run("lock", "--check", "a").code == 0


def test_of_the_same_new_wheel_is_asked_once(workplace: Workplace, seam: Seam) -> None:
    both = threading.Barrier(2)
    seam.before = lambda _name: (both.wait(LONG), None)[1]
    write(workplace, "a", "gamma")
    write(workplace, "b", "gamma")
    workplace.lock()
    parts = [path for path, _ in workplace.index.parts]
    assert len(parts) == len(set(workplace.index.parts)) > 0
    workplace.index.parts.clear()
    remove_locks(workplace)
    seam.before = lambda _name: None
    assert one_by_one(workplace, "lock", "a").code == 0
    assert [path for path, _ in workplace.index.parts] == parts


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe tells when a process is there")
def test_an_interrupt_ends_what_the_threads_wait_for(
    workplace: Workplace, seam: Seam, tmp_path: Path
) -> None:
    """`b` waits for a process that never ends; `c`, which begins when `a` is written, interrupts the command."""
    there, never = tmp_path / "there", tmp_path / "never"
    os.mkfifo(there)
    os.mkfifo(never)
    stuck = tmp_path / "stuck"
    stuck.write_text(f"#!/bin/sh\necho there >{there}\nread line <{never}\n")
    stuck.chmod(0o755)
    ended: list[bool] = []
    real = uv.uv_binary()
    waiting = ContextVar("waiting", default=real)  # of one thread, as `a` needs the real one
    workplace.monkeypatch.setattr(uv, "uv_binary", waiting.get)

    def before(name: str) -> None:
        if name == "b":
            waiting.set(str(stuck))
            with uv.uv_folder(workplace.cache) as folder:
                ended.append(uv.run_uv([], folder, time_limit=LONG).ok)
        if name == "c":
            assert there.read_text() == "there\n"
            os.kill(os.getpid(), signal.SIGINT)

    write(workplace, "a", "alpha")
    write(workplace, "b", "beta")
    write(workplace, "c", base="a")
    workplace.lock("a")
    remove_locks(workplace)
    seam.before = before
    done = workplace.run("lock")
    assert (done.code, done.out) == (130, "")
    assert done.err.endswith("error: interrupted\n")
    assert set(locks(workplace)) == {"a"}
    assert ended == [False]
    assert list((workplace.cache / "tmp").iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lock")]
    seam.before = lambda _name: None
    workplace.lock()
    assert set(locks(workplace)) == {"a", "b", "c"}


def test_a_file_is_written_without_a_change_of_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the process's, so a uv that starts in that moment would write files for everybody."""
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda _mask: pytest.fail("changed"))
            write_file(tmp_path / "new", b"1")
            (tmp_path / "old").touch(mode=0o600)
            write_file(tmp_path / "old", b"2")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"new": 0o640, "old": 0o600}


class Told:
    """A Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, text: str) -> None:
        self.lines.append(text)

    def bar(self, title: str, total: int | None) -> AbstractContextManager[Bar]:
        return self._bar(title, total)

    @contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[Bar]:
        self.lines.append(f"[{title} {total}")
        yield self
        self.lines.append("]")

    def advance(self, count: int) -> None:
        self.lines.append(f"+{count}")


def test_a_turn_holds_back_what_is_said_before_it() -> None:
    told = Told()
    turn = Turn(told)
    turn.step("one")
    with turn.bar("two", 3) as bar:
        bar.advance(3)
        assert told.lines == []
        turn.come()
        assert told.lines == ["one", "[two 3", "]"]
        turn.step("four")
    with turn.bar("five", None) as bar:
        bar.advance(6)
    assert told.lines == ["one", "[two 3", "]", "four", "[five None", "+6", "]"]


def test_the_first_look_at_pythons_own_variables_is_no_threads(
    workplace: Workplace, seam: Seam, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`uv` is found by them, and they are half there while another thread reads them for the first time."""
    there: list[bool] = []
    seam.before = lambda _name: there.append(sysconfig._CONFIG_VARS is not None)  # type: ignore[attr-defined]
    monkeypatch.setattr(sysconfig, "_CONFIG_VARS", None)
    write(workplace, "a", "alpha")
    write(workplace, "b", "beta")
    workplace.lock()
    assert there == [True, True]
