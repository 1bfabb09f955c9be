"""A change of one base that a thousand environments inherit from: plan, matrix, publish on one process and on Dask.

    python tests/benchmarks/bench_scale.py [--environments 1000] [--docker-build 23.5]

Small wheels from an index on loopback, a docker-registry and a bare origin, all in one temporary folder. Version 1 is
published by two local processes; version 2 by one process; version 3 by a Dask cluster of two workers with empty
caches, one of which is killed midway. `--docker-build` is the seconds of one `docker build` and push as measured on
this machine (see bench_publish.py), of which the sum is extrapolated: nobody waits for a thousand of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import Row, machine, output, table, timed, timed_call
from world import BIN, ENVCAT, World, temporary_world, version_of

sys.path.append(str(Path(__file__).parents[1]))  # for `support` and `scale`, which the tests have, too

GROUPS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The catalog, its origin, and where its images go."""

    world: World
    root: Path
    images: str
    env: dict[str, str]
    count: int

    def envcat(self, *arguments: str) -> list[str | Path]:
        """A command line."""
        return [ENVCAT, *arguments]

    def change_base(self, text: str) -> float:
        """Another variable in the base, locked and pushed; seconds of the lock."""
        path = self.root / "catalog/ground/environment.yaml"
        path.write_text(re.sub(r"RELEASE: .*", f"RELEASE: '{text}'}}", path.read_text()))
        seconds = timed(self.envcat("lock"), cwd=self.root, env=self.env)
        self.world.commit(self.root, f"Base {text}")
        return seconds

    def versions(self, number: int) -> int:
        """How many environments have so many versions at the origin; AssertionError for any with more."""
        tags = output(["git", "tag"], cwd=Path(f"{self.root}.git"), env=self.env).splitlines()
        counts = Counter(tag.partition("@")[0] for tag in tags)
        assert max(counts.values(), default=0) <= number, "a version was published twice"
        return sum(count == number for count in counts.values())


def main() -> None:
    """Print the table."""
    options = _options()
    with ExitStack() as stack:
        world = stack.enter_context(temporary_world())
        place = stack.enter_context(_place(world, options.environments))
        found = rows(place, options.docker_build)
    facts = machine({"envcat": version_of([str(BIN / "envcat"), "--version"])})
    print("\n".join(f"{what}: {said}" for what, said in facts.items()), end="\n\n")
    print(table(found))


def rows(place: Place, docker_build: float) -> list[Row]:
    """All measurements, in the order of the versions."""
    everything = place.count + 1
    publish = place.envcat("publish", "--registry", place.images, "--checks", "skip", "--format", "json")
    first = timed([*publish, "--executor", "processes:2"], cwd=place.root, env=place.env)
    assert place.versions(1) == everything
    _say(f"version 1: {first:.1f} s")

    locked = place.change_base("two")
    plan = place.envcat("plan", "--format", "json")
    planned = timed_call(lambda: _planned(output(plan, cwd=place.root, env=place.env), everything))
    matrix = place.envcat("plan", "--format", "github-matrix", "--groups", str(GROUPS))
    jobs = _jobs(output(matrix, cwd=place.root, env=place.env), everything)
    one = timed(publish, cwd=place.root, env=place.env)
    assert place.versions(2) == everything
    _say(f"version 2: {one:.1f} s")

    place.change_base("three")
    two = _on_dask(place, [str(part) for part in publish], everything)
    assert place.versions(3) == everything
    _say(f"version 3: {two:.1f} s")

    what = f"publish {everything} environments"
    docker = f"{everything} x docker build of {docker_build} s"
    return [
        Row(what=f"lock after the base changed ({everything})", ours=(locked,)),
        Row(what=f"plan {everything} environments", ours=(planned,)),
        Row(what="jobs of the matrix", ours=(float(jobs),), aim=GROUPS, unit="jobs"),
        Row(what=f"{what}, first, 2 processes", ours=(first,)),
        Row(
            what=f"{what}, 1 process",
            ours=(one,),
            peer=(docker_build * everything,),
            against=docker,
            note="extrapolated from the number given, whatever was built for it",
        ),
        Row(
            what=f"{what}, Dask, 1 of 2 killed",
            ours=(two,),
            peer=(one,),
            against="1 process",
            note="the workers began with empty caches; every environment has the version exactly once",
        ),
    ]


def _on_dask(place: Place, publish: list[str], everything: int) -> float:
    from scale.clusters import running_cluster

    with running_cluster(place.world.folder / "cluster") as cluster:
        start = time.perf_counter()
        process = subprocess.Popen(
            [*publish, "--executor", cluster.executor], cwd=place.root, env=place.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(process.stderr or ()))
        reader.start()
        killed = False
        while process.poll() is None:
            if not killed and place.versions(3) >= everything // 3:
                os.kill(cluster.workers[0].pid, signal.SIGKILL)
                killed = True
            time.sleep(0.2)
        seconds = time.perf_counter() - start
        reader.join()
        if process.returncode:
            raise RuntimeError("".join(said)[-2000:])
        assert killed, "it was over before a worker could be killed"
    return seconds


def _planned(text: str, everything: int) -> None:
    actions = json.loads(text)["actions"]
    assert sum(item["action"] == "build" for item in actions) == everything, "all of them inherit the change"


def _jobs(text: str, everything: int) -> int:
    """Jobs of both stages; all environments must be in them, each once."""
    found = [json.loads(line.partition("=")[2]) for line in text.splitlines() if "=" in line]
    jobs = [job for matrix in found for job in matrix["include"]]
    named = Counter(name for job in jobs for name in re.findall(r"[a-z]+-?[0-9]*", str(job["environments"])))
    assert len(named) == everything and set(named.values()) == {1}, "the matrix is not the plan"
    return len(jobs)


@contextmanager
def _place(world: World, count: int) -> Iterator[Place]:
    from support.catalogs import base_layout, definition
    from support.wheelhouse import running_index

    root = world.folder / "catalog"
    (world.folder / "wheels").mkdir()
    with running_index(world.folder / "wheels") as index, world.registry("scale") as registry:
        for number in range(5):
            index.add(f"lib{number}", "1.0", content="x = 1\n" * 2000)
        env = {name: value for name, value in world.env.items() if not name.startswith(("PIP_", "UV_"))}
        env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.index()}
        env |= {"UV_CACHE_DIR": str(world.folder / "uv"), "NO_COLOR": "1"}
        env |= {"DOCKER_HOST": f"unix://{world.folder / 'none.sock'}"}
        os.environ.update(env)  # the cluster's processes inherit it
        world.git(world.folder, "init", "-q", "--bare", f"{root}.git")
        world.git(world.folder, "init", "-q", str(root))
        world.git(root, "remote", "add", "origin", f"{root}.git")
        base_layout(root / "bases")
        libraries = [f"lib{number}" for number in range(4)]
        _write(root, "ground", definition("ground", *libraries, more="variables: {RELEASE: 'one'}\n"))
        for number in range(count):
            more = f"variables: {{NUMBER: '{number}'}}\n"
            _write(
                root,
                f"e-{number}",
                definition(f"e-{number}", "lib4", base="{environment: ground}", more=more),
            )
        place = Place(world=world, root=root, images=f"{registry.address}/ml", env=env, count=count)
        seconds = timed(place.envcat("lock"), cwd=root, env=env)
        _say(f"{count + 1} locks: {seconds:.1f} s")
        world.commit(root, "Start")
        yield place
        shutil.rmtree(root, ignore_errors=True)


def _write(root: Path, name: str, text: str) -> None:
    path = root / "catalog" / name / "environment.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environments", type=int, default=1000, help="that inherit from the base")
    parser.add_argument(
        "--docker-build", type=float, default=23.5, help="seconds of one docker build and push, as measured"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
