"""What long work says while it runs, on stderr: plain lines, or one live line on a terminal.

Safe for several threads; nothing here may ever make the work itself fail, so a closed stream is ignored.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

from envcatalog.model.seams import Bar, Progress
from envcatalog.report.safe import visible, width
from envcatalog.report.style import CYAN, GREEN, is_terminal, paint, wants_colour

REDRAW_SECONDS = 0.1
BAR_COLUMNS = 20
_CLEAR = "\r\x1b[K"


def progress_for(stream: TextIO, environ: Mapping[str, str]) -> Progress:
    """The live line for a terminal, plain lines for everything else."""
    if is_terminal(stream, environ):
        return LiveProgress(stream, colour=wants_colour(stream, environ))
    return LineProgress(stream)


class LineProgress:
    """A line for each step and one when a bar begins."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def step(self, text: str) -> None:
        """The step, on a line of its own."""
        with self._lock:
            _write(self._stream, f"{visible(text)}\n")

    def bar(self, title: str, total: int | None) -> AbstractContextManager[Bar]:
        """The title and the size; what happens in between is not told."""
        return self._bar(title, total)

    @contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[Bar]:
        self.step(title if total is None else f"{title} ({size_text(total)})")
        yield _Count(title, total)


class LiveProgress:
    """Steps scroll by; below them one line shows the running bars and is drawn at most ten times a second."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        self._stream = stream
        self._colour = colour
        self._lock = threading.Lock()
        self._bars: list[_Count] = []
        self._drawn = 0.0

    def step(self, text: str) -> None:
        """The step, above the live line."""
        with self._lock:
            _write(self._stream, f"{_CLEAR}{visible(text)}\n")
            self._draw()

    def bar(self, title: str, total: int | None) -> AbstractContextManager[Bar]:
        """A bar that leaves no trace once it is done."""
        return self._bar(title, total)

    @contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[Bar]:
        bar = _Count(title, total, self._advanced)
        with self._lock:
            self._bars.append(bar)
            self._draw()
        try:
            yield bar
        finally:
            with self._lock:
                self._bars.remove(bar)
                self._draw()

    def _advanced(self) -> None:
        if time.monotonic() - self._drawn < REDRAW_SECONDS:
            return
        with self._lock:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        _write(self._stream, _CLEAR + (self._line() if self._bars else ""))

    def _line(self) -> str:
        bar = self._bars[-1]
        more = f" +{len(self._bars) - 1}" if len(self._bars) > 1 else ""
        counts = (
            size_text(bar.done) if bar.total is None else f"{size_text(bar.done)} / {size_text(bar.total)}"
        )
        room = shutil.get_terminal_size().columns - 1
        gauge = _gauge(bar, self._colour) if room > BAR_COLUMNS + 50 else ""
        used = (BAR_COLUMNS + 1 if gauge else 0) + 1 + len(counts) + len(more)
        return f"{_cut(visible(bar.title), room - used)} {gauge}{counts}{more}"


class _Count:
    """Counts what the caller says is done."""

    def __init__(self, title: str, total: int | None, advanced: Callable[[], None] | None = None) -> None:
        self.title = title
        self.total = total
        self.done = 0
        self._advanced = advanced

    def advance(self, count: int) -> None:
        """More bytes are done."""
        self.done += count
        if self._advanced is not None:
            self._advanced()


def size_text(count: int) -> str:
    """``512 B``, ``1.5 kB``, ``23.4 MB``: decimal units, as registries count."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def _gauge(bar: _Count, colour: bool) -> str:
    if not bar.total:
        return ""
    filled = min(BAR_COLUMNS, BAR_COLUMNS * bar.done // bar.total)
    return (
        paint("#" * filled, GREEN, colour=colour)
        + paint("-" * (BAR_COLUMNS - filled), CYAN, colour=colour)
        + " "
    )


def _cut(text: str, columns: int) -> str:
    if width(text) <= columns:
        return text
    while text and width(text) > columns - 3:
        text = text[:-1]
    return text + "..."


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        return
