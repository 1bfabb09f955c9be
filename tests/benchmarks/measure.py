"""Times, medians and the table of ratios."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was done.
        ours, peer: seconds of each run, or other numbers where `unit` says so; `peer` empty for an absolute aim.
        aim: the highest that the ratio ours/peer (or ours, where there is no peer) may be; None for a number
            without an aim.
    """

    what: str
    ours: tuple[float, ...]
    peer: tuple[float, ...] = ()
    against: str = ""
    aim: float | None = None
    unit: str = "s"
    note: str = ""

    @property
    def value(self) -> float:
        """Ours over the peer's, of the medians; ours alone where there is no peer."""
        ours = statistics.median(self.ours)
        return ours / statistics.median(self.peer) if self.peer else ours

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is met; None without one."""
        return None if self.aim is None else self.value <= self.aim


def timed(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> float:
    """Seconds that a command takes from outside.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    return timed_call(lambda: output(command, cwd=cwd, env=env))


def timed_call(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def output(command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> str:
    """Standard output of a command; RuntimeError where it failed."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=dict(env), capture_output=True, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        words = " ".join(str(part) for part in command[:6])
        raise RuntimeError(
            f"`{words} ...` exited with {done.returncode}\n{done.stdout[-800:]}\n{done.stderr[-2500:]}"
        )
    return done.stdout


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'what':<46} {'envcat':<21} {'peer':<40} {'ratio':>8} {'aim':>8}"]
    lines.append("-" * len(lines[0]))
    for row in rows:
        peer = f"{_spread(row.peer, row.unit)}  {row.against}" if row.peer else row.against
        ratio, aim = _ratio(row), _aim(row)
        met = {True: "met", False: "MISSED", None: ""}[row.is_met]
        lines.append(
            f"{row.what:<46} {_spread(row.ours, row.unit):<21} {peer:<40} {ratio:>8} {aim:>8} {met}".rstrip()
        )
        if row.note:
            lines.append(f"    {row.note}")
    return "\n".join(lines)


def as_json(rows: Sequence[Row], facts: Mapping[str, str]) -> dict[str, object]:
    """The rows for programs, with every single number."""
    listed = [{**asdict(row), "value": row.value, "met": row.is_met} for row in rows]
    return {"machine": dict(facts), "rows": listed}


def machine(versions: Mapping[str, str]) -> dict[str, str]:
    """What the numbers depend on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(cores),
        "load at the start": load,
        "Python": platform.python_version(),
        **versions,
    }


def _spread(values: Sequence[float], unit: str) -> str:
    digits = 0 if unit in ("bytes", "requests") else 2
    middle = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return f"{middle} {unit}"
    return f"{middle} {unit} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def _ratio(row: Row) -> str:
    if not row.peer:
        return ""
    return f"1/{1 / row.value:.1f}" if row.value < 0.5 else f"{row.value:.2f}"


def _aim(row: Row) -> str:
    if row.aim is None:
        return ""
    if row.peer:
        return f"1/{1 / row.aim:.0f}" if row.aim < 0.5 else f"{row.aim:.2f}"
    return f"{row.aim:,.1f}" if row.unit == "s" else f"{row.aim:,.0f}"
