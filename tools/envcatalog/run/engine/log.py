"""The log of a build as it comes: lines for people, the step that runs, and what is left behind when it fails."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator

from envcatalog.image.docker.secrets import Guard
from envcatalog.model.docker import KEY_BUILD
from envcatalog.model.seams import Progress

Note = Callable[[str, str], None]
LAST_LINES = 12
LINE_MAX = 64 * 1024
_STEP = re.compile(r"Step ([0-9]+)/[0-9]+ : (.*)")
_IMAGE = re.compile(r" ---> ([0-9a-f]{12,64})")
_CONTAINER = re.compile(r" ---> Running in ([0-9a-f]{12,64})")
_VERTEX = re.compile(r"#([0-9]+) (.*)")
_OUTPUT = re.compile(r"[0-9]+\.[0-9]+ (.*)")
# Told to nobody: ids of the engine's own, and the label that we add.
_QUIET = re.compile(
    r" ---> |Removing intermediate container |Step [0-9]+/[0-9]+ : LABEL "
    + re.escape(KEY_BUILD)
    + r"|#[0-9]+ sha256:[0-9a-f]{64}\Z|#[0-9]+ DONE |#[0-9]+ \[internal\] "
)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


class BuildLog:
    """Follows a build's output; every line is masked before anybody sees it."""

    def __init__(self, name: str, progress: Progress, guard: Guard) -> None:
        self._name = name
        self._progress = progress
        self._guard = guard
        self._partial = ""
        self.last: deque[str] = deque(maxlen=LAST_LINES)

    def text(self, piece: str) -> Iterator[str]:
        """More output; the lines that are complete now, plain and masked."""
        *lines, self._partial = (self._partial + piece).split("\n")
        if len(self._partial) > LINE_MAX:  # no line, but a stream that would fill the memory
            lines, self._partial = [*lines, self._partial], ""
        for line in lines:
            yield self.line(line)

    def end(self) -> None:
        """The output is over."""
        if self._partial:
            self.line(self._partial)
            self._partial = ""

    def line(self, raw: str) -> str:
        """Tell one line."""
        shown = self._guard.mask(_CONTROL.sub("", raw.rstrip("\r").rsplit("\r", 1)[-1]))[:1000]
        if shown.strip() and not _QUIET.match(shown):
            self.last.append(shown)
            self._progress.step(f"{self._name}: {shown}")
        return shown


class ClassicLog(BuildLog):
    """The classic builder's output, which names the images and containers that it makes.

    Args:
        note: is told of each, by kind and id.

    Attributes:
        step: number of the current step, from 1; 0 before the first.
        images: made by this build, in order; those of another build's cache are not among them.
        containers: of its steps.
        stages: the last image of each stage.
    """

    def __init__(self, name: str, progress: Progress, guard: Guard, note: Note) -> None:
        super().__init__(name, progress, guard)
        self.step = 0
        self.images: list[str] = []
        self.containers: list[str] = []
        self.stages: list[str] = []
        self._note = note
        self._is_from = False
        self._is_cached = False

    def take(self, piece: str) -> None:
        """More of the stream."""
        for line in self.text(piece):
            self._follow(line)

    def _follow(self, line: str) -> None:
        if step := _STEP.match(line):
            self.step = int(step[1])
            self._is_from, self._is_cached = step[2].upper().startswith("FROM "), False
            self.last.clear()
            if self._is_from:
                self.stages.append("")
        elif line.startswith(" ---> Using cache"):
            self._is_cached = True
        elif container := _CONTAINER.match(line):
            self.containers.append(container[1])
            self._note("container", container[1])
        elif (image := _IMAGE.match(line)) and not self._is_from and self.stages:
            self.stages[-1] = image[1]
            if not self._is_cached:
                self.images.append(image[1])
                self._note("image", image[1])


class BuildkitLog(BuildLog):
    """BuildKit's plain output: lines of steps that run at the same time, each with its step's number."""

    def __init__(self, name: str, progress: Progress, guard: Guard) -> None:
        super().__init__(name, progress, guard)
        self._steps: dict[str, str] = {}
        self._outputs: dict[str, deque[str]] = {}
        self.failed = ""

    def take(self, raw: str) -> None:
        """One line."""
        line = self.line(raw)
        match = _VERTEX.match(line)
        if match is None:
            return
        number, text = match[1], match[2]
        if text.startswith("ERROR"):
            self.failed = number
        elif text.startswith("["):
            self._steps[number] = text
        elif output := _OUTPUT.match(text):
            self._outputs.setdefault(number, deque(maxlen=LAST_LINES)).append(output[1])

    def reason(self) -> tuple[str, str, list[str]]:
        """The step that failed, BuildKit's last word, and the last lines of that step."""
        last = next((line for line in reversed(self.last) if line.strip("- ")), "no reason is given")
        step = self._steps.get(self.failed, "")
        return step, last, list(self._outputs.get(self.failed, ()))
