"""The first import in a container: the image that envcat made against the one that `docker build` with pip made."""

from __future__ import annotations

import re
import sys
from statistics import median

from bench_publish import Publishing
from measure import Row, timed_call

_IMPORT = (
    "import time; start = time.perf_counter(); import pandas, sklearn, matplotlib.pyplot;"
    " print('took', time.perf_counter() - start)"
)
RUNS = 5


def rows(run: Publishing) -> list[Row]:
    """A new container each time, in turns; one of each first, so that both find their files in memory."""
    images = {"ours": f"{run.where}/bench-0:1", "pip": f"{run.registry.address}/pip-0:1"}
    run.docker.run("pull", "-q", images["ours"])
    inside: dict[str, list[float]] = {kind: [] for kind in images}
    outside: dict[str, list[float]] = {kind: [] for kind in images}
    for number in range(RUNS + 1):
        for kind, image in images.items():
            took, total = _once(run, image)
            if number:
                inside[kind].append(took)
                outside[kind].append(total)
    print(
        f"  import: ours {median(inside['ours']):.2f} s, pip {median(inside['pip']):.2f} s", file=sys.stderr
    )
    return [
        Row(
            what=f"first import in a container, {where}",
            ours=tuple(times["ours"]), peer=tuple(times["pip"]), against="pip's image", aim=1.1,
        )
        for where, times in (("inside", inside), ("with `docker run`", outside))
    ]  # fmt: skip


def _once(run: Publishing, image: str) -> tuple[float, float]:
    said: list[str] = []
    arguments = ("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", _IMPORT)
    total = timed_call(lambda: said.append(run.docker.run(*arguments)))
    found = re.search(r"took ([0-9.]+)", said[0])
    if not found:
        raise RuntimeError(f"the container said {said[0][-300:]!r}")
    return float(found[1]), total
