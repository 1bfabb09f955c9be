"""The peer of `bench_conda`: rattler's own solver and installer, as a program.

python conda_peer.py CHANNEL PREFIX CACHE SPEC ...
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # for `support`


def main(channel: str, prefix: str, cache: str, *specs: str) -> None:
    """Install what is pinned; what a prefix has already stays."""
    from support.conda_channel import HOST
    from support.conda_oracle import install, solve

    records = solve(Path(channel), *specs, subdir=HOST)
    install(records, Path(prefix), Path(cache))


main(*sys.argv[1:])
os._exit(0)  # at once: the grace that `conda_oracle` gives the library at the end is not to be measured
