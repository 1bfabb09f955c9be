"""Commands over a large history, against Git's own commands in the same run, as one table.

    python tests/benchmarks/bench_history.py [--folder FOLDER] [--repeat 3] [--environments N] [--commits N] [--tags N]

Makes the repository first (a minute at full size), or takes the one in FOLDER if it is there already. `log` is measured
twice for environments spread over the catalog: without a commit-graph, and with one that has changed paths. How much
such a graph helps Git depends on the path: its filters are short, and for some names they say "maybe" for most commits.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from generate_history import generate, name_of
from measure import Row, machine, table

ENVCAT = Path(sys.executable).parent / "envcat"
MEMORY = 200.0
# Of our process alone: Git maps its packs into memory, as it does without us.
_OWN_MEMORY = (
    "import resource, sys; from envcatalog.cli.errors import guarded; from envcatalog.cli.main import cli; "
    "guarded(cli); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
)


class Bench:
    """A repository, and commands in it."""

    def __init__(self, folder: Path, cache: Path, repeat: int) -> None:
        self.folder = folder
        self._repeat = repeat
        self._env = {**os.environ, "ENVCATALOG_CACHE": str(cache), "GIT_CONFIG_NOSYSTEM": "1"}

    def ours(self, *arguments: str) -> tuple[float, ...]:
        """Seconds of each run of a command of ours; exit code 1 is an answer, too."""
        return tuple(self._run([str(ENVCAT), *arguments], (0, 1)) for _ in range(self._repeat))

    def git(self, *arguments: str) -> tuple[float, ...]:
        """Seconds of each run of Git."""
        return tuple(self.once(*arguments) for _ in range(self._repeat))

    def once(self, *arguments: str) -> float:
        """Seconds of one run of Git."""
        return self._run(["git", *arguments], (0,))

    def memory(self, *arguments: str) -> float:
        """The most memory that a command's own process takes, in MB."""
        command = [sys.executable, "-c", _OWN_MEMORY, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self._env, capture_output=True, text=True, check=True
        )
        return int(done.stderr.splitlines()[-1]) / 1024

    def _run(self, command: Sequence[str], codes: Sequence[int]) -> float:
        start = time.perf_counter()
        done = subprocess.run(
            command, cwd=self.folder, env=self._env, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        seconds = time.perf_counter() - start
        if done.returncode not in codes:
            raise RuntimeError(f"`{' '.join(command)}` exited with {done.returncode}")
        return seconds


def rows(bench: Bench, environments: int) -> list[Row]:
    """Everything, without a commit-graph first."""
    names = [name_of(environments * step // 10 + 1) for step in range(1, 10, 2)]
    graph = bench.folder / ".git/objects/info/commit-graph"
    graph.unlink(missing_ok=True)
    bench.ours("list")  # whatever the first run of a release leaves behind
    found = [
        Row(what="list", ours=bench.ours("list"), peer=bench.git("ls-tree", "-r", "HEAD"),
            against="git ls-tree -r HEAD"),
        Row(what="list, in seconds", ours=bench.ours("list"), aim=1.0),
        Row(what=f"show {names[0]}@2", ours=bench.ours("show", f"{names[0]}@2"), aim=0.3),
        Row(what=f"diff {names[0]}@2 {names[0]}@4", ours=bench.ours("diff", f"{names[0]}@2", f"{names[0]}@4")),
        Row(what="plan --since HEAD~50", ours=bench.ours("plan", "--since", "HEAD~50"), aim=0.5),
        Row(what="search 'urllib3<1.5'", ours=bench.ours("search", "urllib3<1.5"), aim=2.0),
        Row(what="search 'libssl3<3.0.15'", ours=bench.ours("search", "libssl3<3.0.15"), aim=2.0),
    ]  # fmt: skip
    found += [_log(bench, name, "no graph", ratio=True) for name in names[:2]]
    seconds = bench.once("commit-graph", "write", "--reachable", "--changed-paths", "--no-progress")
    found.append(Row(what="(git commit-graph write --changed-paths)", ours=(seconds,)))
    with_graph = [_log(bench, name, "graph", ratio=False) for name in names]
    found += with_graph
    ours = tuple(statistics.median(row.ours) for row in with_graph)
    found.append(
        Row(what=f"log, graph, {len(names)} environments", ours=ours, aim=0.5, note="median of medians")
    )
    found.append(Row(what="blame", ours=bench.ours("blame", names[1])))
    for arguments in (
        ("list",), ("plan", "--since", "HEAD~50"), ("search", "urllib3<1.5"), ("log", names[0]),
        ("show", f"{names[0]}@2"),
    ):  # fmt: skip
        found.append(
            Row(what=f"memory of {arguments[0]}", ours=(bench.memory(*arguments),), unit="MB", aim=MEMORY)
        )
    return found


def _log(bench: Bench, name: str, how: str, *, ratio: bool) -> Row:
    peer = bench.git("log", "--format=%H %s", "--", f"catalog/{name}")
    return Row(
        what=f"log {name}, {how}",
        ours=bench.ours("log", name),
        peer=peer,
        against="git log -- catalog/NAME",
        aim=1.3 if ratio else None,
    )


def main() -> None:
    """Print the table; exit 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--environments", type=int, default=10_000)
    parser.add_argument("--commits", type=int, default=100_000)
    parser.add_argument("--tags", type=int, default=50_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = chosen.folder or Path(place) / "history"
        counts = {"environments": chosen.environments, "commits": chosen.commits, "tags": chosen.tags}
        if not folder.is_dir():
            start = time.perf_counter()
            generate(folder, **counts)
            print(f"made in {time.perf_counter() - start:.0f} s", file=sys.stderr)
        version = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
        facts = machine({"Git": version.strip()})
        found = rows(Bench(folder, Path(place) / "cache", chosen.repeat), chosen.environments)
    print(
        "\n".join(
            f"{what}: {said}" for what, said in {**facts, **{k: str(v) for k, v in counts.items()}}.items()
        )
    )
    print("\n" + table(found))
    sys.exit(1 if any(row.is_met is False for row in found) else 0)


if __name__ == "__main__":
    main()
