"""Everything that issue-sized promises about speed rest on, measured in one run, as one table of ratios.

    python tests/benchmarks/run.py [--only NAME ...] [--repeat 3] [--json FILE]

NAME is publish, cve, import, builders, conda, validate or commands. `publish`, `import` and `builders` start a Docker
Engine of their own (root is needed), the first two a docker-registry, too; all of it is in one temporary folder that is
removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import bench_builders
import bench_commands
import bench_conda
import bench_cve
import bench_import
import bench_publish
from measure import Row, as_json, machine, table
from peers import Docker
from world import BIN, World, temporary_world, version_of

NAMES = ("publish", "import", "builders", "conda", "cve", "validate", "commands")
WITH_ENGINE = frozenset({"publish", "import", "builders"})


def main() -> None:
    """Print the table; exit 1 where an aim is missed."""
    sys.path.append(str(Path(__file__).parents[1]))  # for `support`, which the tests have, too
    options = _options()
    chosen = options.only or NAMES
    rows: list[Row] = []
    with temporary_world() as world:
        facts = machine(_versions(world))
        if WITH_ENGINE & set(chosen):
            rows += _with_engine(world, chosen, options.repeat)
        others: dict[str, Callable[[], list[Row]]] = {
            "conda": lambda: bench_conda.rows(world, options.repeat),
            "cve": lambda: bench_cve.rows(world, options.environments),
            "validate": lambda: bench_commands.validate_rows(options.definitions),
            "commands": lambda: bench_commands.rows(world),
        }
        for name, measure in others.items():
            if name in chosen:
                print(f"{name} ...", file=sys.stderr, flush=True)
                rows += measure()
    print("\n".join(f"{what}: {said}" for what, said in facts.items()), end="\n\n")
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(as_json(rows, facts), indent=1) + "\n")
    sys.exit(1 if any(row.is_met is False for row in rows) else 0)


def _with_engine(world: World, chosen: tuple[str, ...], repeat: int) -> list[Row]:
    from support.servers import running_engine

    # An engine that runs already has caches of its own, which are not ours to empty.
    os.environ["DOCKER_HOST"] = f"unix://{world.folder / 'none.sock'}"
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = world.folder / "engine"
        folder.mkdir()
        host = stack.enter_context(running_engine(folder))
        docker = Docker(host, folder, world.env)
        if "builders" in chosen:
            print("builders ...", file=sys.stderr, flush=True)
            rows += bench_builders.rows(world, docker, host, repeat)
        if not {"publish", "import"} & set(chosen):
            return rows
        print("publish: base image and locks ...", file=sys.stderr, flush=True)
        registry = stack.enter_context(world.registry("publish"))
        run = bench_publish.prepare(world, docker, registry, repeat if "publish" in chosen else 1)
        rows += bench_publish.first_publish(run)
        if "import" in chosen:
            rows += bench_import.rows(run)
        if "publish" in chosen:
            rows += bench_publish.edit_warm(run)
            rows += bench_publish.edit_elsewhere(run)
            rows += bench_publish.unchanged(run)
        print(f"engine: {docker.run('version', '--format', '{{.Server.Version}}').strip()}", file=sys.stderr)
    return rows


def _versions(world: World) -> dict[str, str]:
    return {
        "envcat": version_of([str(BIN / "envcat"), "--version"]),
        "Git": version_of(["git", "--version"]),
        "uv": version_of([str(BIN / "uv"), "--version"]),
        "pip": version_of([sys.executable, "-m", "pip", "--version"]).partition(" from")[0],
        "Docker Engine": version_of(["dockerd", "--version"]),
        "docker-registry": version_of(["docker-registry", "--version"]),
        "check-jsonschema": version_of([str(BIN / "check-jsonschema"), "--version"], world.env),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=NAMES)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each publish and each import")
    parser.add_argument("--environments", type=int, default=200, help="of the CVE day")
    parser.add_argument("--definitions", type=int, default=10_000, help="to validate")
    parser.add_argument("--json", type=Path, help="also write every number to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
