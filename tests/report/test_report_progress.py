"""What long work says, and when colour is used."""

import io
import re
import threading

import pytest

from envcatalog.report.progress import LineProgress, LiveProgress, progress_for, size_text
from envcatalog.report.style import wants_colour


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Screen:
    """As much of a terminal as the live line uses: CR, erase to the end, line feed."""

    def __init__(self, written: str) -> None:
        self.lines = [""]
        for part in re.split(r"(\r\x1b\[K|\n)", written):
            if part == "\n":
                self.lines.append("")
            elif part == "\r\x1b[K":
                self.lines[-1] = ""
            else:
                self.lines[-1] += part


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(stream, environ, expected):
    assert wants_colour(stream, environ) is expected


def test_plain_lines_without_a_terminal():
    stream = io.StringIO()
    progress = progress_for(stream, {})
    assert isinstance(progress, LineProgress)
    progress.step("build\x1b sklearn")
    with progress.bar("pandas 2.2", 12_345_678) as bar:
        bar.advance(5)
    with progress.bar("unknown", None) as bar:
        bar.advance(5)
    assert stream.getvalue() == "build\\x1b sklearn\npandas 2.2 (12.3 MB)\nunknown\n"


def test_the_live_line_is_gone_when_the_work_is_done(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    progress = progress_for(stream, {"NO_COLOR": "1"})
    assert isinstance(progress, LiveProgress)
    with progress.bar("pandas", 1000) as bar:
        bar.advance(500)
        progress.step("compile")
        assert Screen(stream.getvalue()).lines == ["compile", "pandas ##########---------- 500 B / 1.0 kB"]
        with progress.bar("scipy", None) as second:
            second.advance(7)
            progress.step("next")
            assert Screen(stream.getvalue()).lines[-1] == "scipy 7 B +1"
    assert Screen(stream.getvalue()).lines == ["compile", "next", ""]
    assert re.sub(r"\x1b\[K", "", stream.getvalue()).count("\x1b") == 0


def test_the_live_line_never_wraps(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    with LiveProgress(stream, colour=False).bar("名" * 100, 5):
        assert len(Screen(stream.getvalue()).lines[-1]) <= 29


def test_a_failure_inside_a_bar_clears_the_line():
    stream = Terminal()
    progress = LiveProgress(stream, colour=True)
    with pytest.raises(KeyError), progress.bar("x", 10) as bar:
        bar.advance(20)
        raise KeyError
    assert Screen(stream.getvalue()).lines == [""]


def test_many_threads_share_one_line():
    stream = Terminal()
    progress = LiveProgress(stream, colour=False)

    def work(number: int) -> None:
        for _ in range(50):
            with progress.bar(f"b{number}", 10) as bar:
                bar.advance(10)
            progress.step(f"s{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = Screen(stream.getvalue()).lines
    assert sorted(lines) == sorted(["", *[f"s{number}" for number in range(4) for _ in range(50)]])


def test_a_closed_stream_does_not_stop_the_work():
    stream = Terminal()
    progress = LiveProgress(stream, colour=False)
    stream.close()
    progress.step("x")
    with progress.bar("y", 1) as bar:
        bar.advance(1)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (2_500_000_000, "2.5 GB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_sizes(count, text):
    assert size_text(count) == text
