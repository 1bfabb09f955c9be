"""The same environment by both builders: Debian, Python and 18 wheels; the files that a lock names are here already.

"unpacked" is `--builder docker` on the very same lock: the engine gets the layers. "scripts" is `builder: docker` in
the definition: dpkg and what its scripts call are locked, too, and all scripts run.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from bench_publish import wheels
from measure import Row, output, timed
from peers import Docker
from world import ENVCAT, World, write_definition

FIRST, EDITED = "1.5.3", "1.5.2"
WAYS = {"embedded": "bench", "unpacked": "bench", "scripts": "bench-scripts"}


def rows(world: World, docker: Docker, host: str, repeat: int) -> list[Row]:
    """A first build, and one after an edit of one package, for each way."""
    catalog = world.catalog("builders", {})
    env = {**world.machine("builders"), "DOCKER_HOST": host}
    for joblib in (EDITED, FIRST):
        _define(world, catalog, env, joblib)
        output([ENVCAT, "build", "bench"], cwd=catalog, env=env)
    # Only what dpkg needs is missing now; the first layers of that way fetch it.
    output([ENVCAT, "build", "bench-scripts"], cwd=catalog, env=env)
    times: dict[str, list[float]] = {}
    for number in range(repeat):
        for way, name in WAYS.items():
            _forget(docker)
            _define(world, catalog, env, FIRST)
            fresh = _machine(world, env, f"builders-{way}-{number}")
            _build(way, name, catalog, fresh, times, "first")
            _define(world, catalog, fresh, EDITED)
            _build(way, name, catalog, fresh, times, "edit")
    return [
        Row(
            what=f"{what} build", ours=tuple(times[f"{what} embedded"]), peer=tuple(times[f"{what} {way}"]),
            against=f"docker builder, {way}",
        )
        for what in ("first", "edit")
        for way in ("unpacked", "scripts")
    ]  # fmt: skip


def _forget(docker: Docker) -> None:
    """What the engine keeps of our builds as a cache."""
    kept = docker.run("image", "ls", "-q", "--filter", "reference=envcatalog-build/*").split()
    if kept:
        docker.run("image", "rm", "-f", *sorted(set(kept)))
    docker.run("image", "prune", "-f")


def _define(world: World, catalog: Path, env: dict[str, str], joblib: str) -> None:
    listed = "".join(f'    - "{requirement}"\n' for requirement in wheels(joblib))
    for name, more in (("bench", ""), ("bench-scripts", "builder: docker\n")):
        write_definition(
            catalog,
            name,
            f"name: {name}\ndescription: An environment of the benchmarks\nbase: {{debian: bookworm}}\n"
            f'python:\n  version: "3.11"\n  packages:\n{listed}{more}',
        )
    output([ENVCAT, "lock", "bench", "bench-scripts"], cwd=catalog, env=env)
    world.git(catalog, "add", "-A")
    world.git(catalog, "commit", "-q", "--allow-empty", "-m", f"Take joblib {joblib}")


def _machine(world: World, env: dict[str, str], name: str) -> dict[str, str]:
    """A machine that has the files of the locks, and has built nothing."""
    cache = world.folder / name / "cache"
    for folder in ("artefacts", "addresses", "debian"):
        source = Path(env["ENVCATALOG_CACHE"]) / folder
        if source.is_dir():
            shutil.copytree(source, cache / folder, copy_function=os.link)
    return {**env, "ENVCATALOG_CACHE": str(cache)}


def _build(
    way: str, name: str, catalog: Path, env: dict[str, str], times: dict[str, list[float]], what: str
) -> None:
    asked = ["--builder", "docker"] if way == "unpacked" else []
    seconds = timed([ENVCAT, "build", name, *asked], cwd=catalog, env=env)
    print(f"  {what} build, {way}: {seconds:.2f} s", file=sys.stderr, flush=True)
    times.setdefault(f"{what} {way}", []).append(seconds)
