"""The peer of `bench_conda`: rattler's own solver and installer, as a program.

python conda_peer.py CHANNEL PREFIX CACHE SPEC ...
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # for `support`


async def main(channel: str, prefix: str, cache: str, *specs: str) -> None:
    """Install what is pinned; what a prefix has already stays."""
    from support.conda_oracle import install, solve

    records = await solve(Path(channel), *specs)
    await install(records, Path(prefix), Path(cache))


asyncio.run(main(*sys.argv[1:]))
