"""The 18-wheel environment: first publish, an edit of one package, nothing changed; against `docker build` and push.

On both sides the base image is there before the clock starts: in the engine for the peers, in the registry and in the
local cache for ours ("another machine" has nothing but Git). Peers start from pinned requirements and ours from a
lock; the packages come over the network on both sides.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from measure import Row, output, timed
from peers import Built, Docker
from relay import counting_proxy
from world import ENVCAT, LocalRegistry, World, pinned, write_definition

MEBI = 1 << 20
BYTES_OVER = 1_000_000  # what an edit may download besides the changed wheels
_JOBLIB = ("1.5.3", "1.5.2", "1.5.1", "1.5.0", "1.4.2", "1.4.0", "1.3.2", "1.3.1", "1.3.0", "1.2.0")
WHEELS = (
    "cloudpickle==3.1.2",
    "contourpy==1.3.3",
    "cycler==0.12.1",
    "fonttools==4.60.1",
    "joblib=={joblib}",
    "kiwisolver==1.4.9",
    "matplotlib==3.10.7",
    "numpy==2.3.4",
    "packaging==25.0",
    "pandas==2.3.3",
    "pillow==12.0.0",
    "pyparsing==3.2.5",
    "python-dateutil==2.9.0.post0",
    "pytz==2025.2",
    "scikit-learn==1.7.2",
    "scipy==1.16.3",
    "threadpoolctl==3.6.0",
    "tzdata==2025.2",
)
_FETCH = """
import sys
from pathlib import Path
from envcatalog.lock.fetch import ArtefactStore
from envcatalog.lock.file import load_lock
from envcatalog.model.seams import Silent
from envcatalog.model.settings import Settings
lock = load_lock(Path(sys.argv[1]).read_bytes(), "lock")
wheels = [wheel for platform in lock.platforms for wheel in platform.wheels]
ArtefactStore(Path(sys.argv[2]), Settings(), Silent()).prefetch(tuple(wheels))
"""


@dataclass(slots=True, kw_only=True)
class Publishing:
    """The catalog, the peers and the registry; what the rows are made of collects here."""

    world: World
    docker: Docker
    registry: LocalRegistry
    catalog: Path
    prepared: dict[str, str]
    repeat: int
    versions: Iterator[str] = field(default_factory=lambda: iter(_JOBLIB))
    times: dict[str, list[float]] = field(default_factory=dict)
    pip: list[Built] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Where ours is published."""
        return f"{self.registry.address}/ours"

    def note(self, what: str, seconds: float) -> None:
        """One more time."""
        print(f"  {what}: {seconds:.2f} s", file=sys.stderr, flush=True)
        self.times.setdefault(what, []).append(seconds)

    def of(self, what: str) -> tuple[float, ...]:
        """The times of one thing."""
        return tuple(self.times[what])

    def ours(self, what: str, name: str, clone: Path, env: Mapping[str, str]) -> None:
        """Publish, timed."""
        self.note(what, timed(publish_command(name, self.where), cwd=clone, env=env))

    def peer(self, what: str, kind: str, requirements: list[str], target: str) -> Built:
        """Build and push, timed."""
        built = self.docker.publish(kind, requirements, f"{self.registry.address}/{target}:1")
        self.note(what, built.seconds)
        return built

    def edit(self, env: Mapping[str, str]) -> list[str]:
        """Another version of one pure package; locked on a machine, committed and pushed. The requirements."""
        requirements = wheels(next(self.versions))
        write_definition(self.catalog, "bench-0", pinned("bench-0", requirements))
        output([ENVCAT, "lock", "bench-0"], cwd=self.catalog, env=env)
        self.world.commit(self.catalog, "Take another joblib")
        return requirements

    def machine_with_base(self, name: str) -> dict[str, str]:
        """A machine that has built the base, and nothing else."""
        env = self.world.machine(name)
        source = self.prepared["ENVCATALOG_CACHE"]
        shutil.copytree(source, env["ENVCATALOG_CACHE"], copy_function=os.link, symlinks=True)
        return env


def wheels(joblib: str) -> list[str]:
    """The pinned requirements."""
    return [item.format(joblib=joblib) for item in WHEELS]


def publish_command(name: str, where: str) -> list[str]:
    """Without checks, since a `docker build` has none."""
    return [str(ENVCAT), "publish", name, "--registry", where, "--checks", "skip"]


def prepare(world: World, docker: Docker, registry: LocalRegistry, repeat: int) -> Publishing:
    """Lock, publish the base image and let the peers pull it."""
    versions = iter(_JOBLIB)
    requirements = wheels(next(versions))
    names = [f"bench-{number}" for number in range(repeat)]
    catalog = world.catalog("catalog", {name: pinned(name, requirements) for name in names})
    output([ENVCAT, "lock", *names], cwd=catalog, env=world.env)
    world.commit(catalog, "Add the environments of the benchmark")
    prepared = world.machine("prepared")
    output(publish_command("curated-python", f"{registry.address}/ours"), cwd=catalog, env=prepared)
    docker.make_base(f"{registry.address}/ours/curated-python:1")
    return Publishing(
        world=world, docker=docker, registry=registry, catalog=catalog, prepared=prepared, repeat=repeat,
        versions=versions,
    )  # fmt: skip


def first_publish(run: Publishing) -> list[Row]:
    """All from the network, no cache."""
    requirements = wheels(_JOBLIB[0])
    for number in range(run.repeat):
        run.docker.forget(*_targets(run, number - 1))
        run.pip.append(run.peer("first pip", "pip", requirements, f"pip-{number}"))
        run.peer("first uv", "uv", requirements, f"uv-{number}")
        env = run.machine_with_base(f"first-{number}")
        run.ours("first", f"bench-{number}", run.world.clone(run.catalog, f"first-{number}"), env)
        _downloads(run, requirements, number)
    build, push = (
        f"{sum(part) / len(part):.1f}" for part in zip(*((b.build, b.push) for b in run.pip), strict=True)
    )
    ours, pip = (sum(run.of(what)) / run.repeat for what in ("download", "download pip"))
    note = f"of it the download alone: ours {ours:.1f} s, pip {pip:.1f} s; pip's build {build} s, its push {push} s"
    return [
        Row(
            what="first publish",
            ours=run.of("first"),
            peer=run.of("first pip"),
            against="pip",
            aim=1 / 5,
            note=note,
        ),
        Row(what="first publish", ours=run.of("first"), peer=run.of("first uv"), against="BuildKit+uv"),
    ]


def edit_warm(run: Publishing) -> list[Row]:
    """One package changed and locked where the version before was made."""
    clone, env = run.world.folder / "first-0/clone", _first_machine(run)
    for _ in range(run.repeat):
        requirements = run.edit(env)
        run.peer("edit pip", "pip", requirements, "pip-0")
        run.peer("edit uv", "uv", requirements, "uv-0")
        run.world.git(clone, "pull", "-q")
        run.ours("edit", "bench-0", clone, env)
    return [
        Row(what="edit, warm cache", ours=run.of("edit"), peer=run.of("edit pip"), against="pip", aim=1 / 50),
        Row(what="edit, warm cache", ours=run.of("edit"), peer=run.of("edit uv"), against="BuildKit+uv"),
    ]


def edit_elsewhere(run: Publishing) -> list[Row]:
    """One package changed, on a machine with nothing but a clone; then once more through a counting proxy."""
    for number in range(run.repeat):
        requirements = run.edit(run.world.env)
        run.docker.forget()
        run.peer("edit elsewhere uv", "uv", requirements, "uv-0")
        name = f"elsewhere-{number}"
        run.ours("edit elsewhere", "bench-0", run.world.clone(run.catalog, name), run.world.machine(name))
    run.edit(run.world.env)
    seen = len(run.registry.requests())
    clone, env = run.world.clone(run.catalog, "counted"), run.world.machine("counted")
    with counting_proxy() as proxy:
        output(publish_command("bench-0", run.where), cwd=clone, env={**env, **proxy.variables()})
        outside = proxy.received
    inside = sum(item.size for item in run.registry.requests()[seen:] if item.method == "GET")
    files = list((Path(env["ENVCATALOG_CACHE"]) / "artefacts/sha256").iterdir())
    wheel = _changed_wheel(clone)
    note = (
        f"{len(files)} files; the wheel itself {wheel:,} bytes; {outside:,} from outside, TLS included, and"
        f" {inside:,} from the registry"
    )
    took = run.of("edit elsewhere")
    return [
        Row(what="edit, empty cache", ours=took, peer=run.of("edit pip"), against="pip", aim=1 / 20),
        Row(
            what="edit, empty cache", ours=took, peer=run.of("edit elsewhere uv"),
            against="BuildKit+uv, cold",
        ),
        Row(
            what="bytes downloaded besides the wheel", ours=(outside + inside - wheel,), unit="bytes",
            aim=BYTES_OVER, note=note,
        ),
    ]  # fmt: skip


def unchanged(run: Publishing) -> list[Row]:
    """Published already: over the interpreter's own start; and the requests of one run."""
    clone, env = run.world.folder / "first-0/clone", _first_machine(run)
    run.world.git(clone, "pull", "-q")
    output(publish_command("bench-0", run.where), cwd=clone, env=env)
    seen = len(run.registry.requests())
    for _ in range(max(5, run.repeat)):
        start = timed([sys.executable, "-c", "pass"], cwd=clone, env=env)
        run.note("unchanged", timed(publish_command("bench-0", run.where), cwd=clone, env=env) - start)
    sent = run.registry.requests()[seen:]
    puts = sum(item.method in ("PUT", "POST", "PATCH") for item in sent)
    return [
        Row(what="unchanged, over the interpreter's start", ours=run.of("unchanged"), aim=0.3),
        Row(what="unchanged, PUT, POST and PATCH requests", ours=(puts,), unit="requests", aim=0,
            note=f"{len(sent)} requests in {len(run.of('unchanged'))} runs"),
    ]  # fmt: skip


def _first_machine(run: Publishing) -> dict[str, str]:
    return run.world.machine("first-0")


def _targets(run: Publishing, number: int) -> list[str]:
    return [f"{run.registry.address}/{kind}-{number}:1" for kind in ("pip", "uv")] if number >= 0 else []


def _downloads(run: Publishing, requirements: list[str], number: int) -> None:
    """The download alone, as each side does it."""
    lock = run.catalog / f"catalog/bench-{number}/lock.json"
    folder = run.world.folder / f"download-{number}"
    folder.mkdir()
    command = [sys.executable, "-c", _FETCH, str(lock), str(folder / "ours")]
    run.note("download", timed(command, cwd=folder, env=run.world.env))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-cache-dir",
        "-d",
        str(folder / "pip"),
    ]
    run.note("download pip", timed([*pip, *requirements], cwd=folder, env=run.world.env))
    shutil.rmtree(folder)


def _changed_wheel(clone: Path) -> int:
    from envcatalog.lock.file import load_lock

    lock = load_lock((clone / "catalog/bench-0/lock.json").read_bytes(), "lock.json")
    return next(wheel.size for item in lock.platforms for wheel in item.wheels if wheel.name == "joblib")
