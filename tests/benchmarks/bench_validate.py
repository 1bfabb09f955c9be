"""Seconds to validate many definitions: ours against check-jsonschema, on the same files, in the same run.

    python tests/benchmarks/bench_validate.py [--count 10000] [--repeat 1]

Prints a table. Needs check-jsonschema beside this interpreter (`pip install envcatalog[bench]`). The last row is
the command itself, on a whole catalog in a Git repository; it is left out where the command cannot do that yet.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "schemas" / "environment.schema.json"
BIN = Path(sys.executable).parent

_READ = """
import sys
from pathlib import Path
from envcatalog.definition.reader import read_environment, read_settings
from envcatalog.definition.rules.catalog import check_catalog
root = Path(sys.argv[1])
readings = {
    path.parent.name: read_environment(path.read_bytes(), str(path), folder=path.parent.name)
    for path in (root / "catalog").glob("*/environment.yaml")
}
settings = read_settings((root / "catalog" / "catalog.yaml").read_bytes(), "catalog/catalog.yaml").settings
problems = [*(p for reading in readings.values() for p in reading.problems), *check_catalog(readings, settings)]
sys.exit(f"{len(readings)} files, {problems[:3]}" if problems or len(readings) != int(sys.argv[2]) else 0)
"""
_PACKAGES = [
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "xgboost",
    "lightgbm",
    "torch",
    "dask",
    "distributed",
    "pyarrow",
    "polars",
    "fastapi",
    "uvicorn",
    "pydantic",
    "requests",
    "mlflow-skinny",
    "joblib",
    "seaborn",
    "statsmodels",
    "transformers",
    "datasets",
    "tokenizers",
    "accelerate",
]


def definition(name: str, chance: random.Random) -> str:
    """About 25 lines as people write them: comments, block and flow style, pins and ranges."""
    packages = [
        f'    - "{package}{chance.choice(["==", ">=", "~="])}{chance.randint(0, 3)}.{chance.randint(0, 30)}'
        f'.{chance.randint(0, 9)}"'
        for package in chance.sample(_PACKAGES, 6)
    ]
    return "\n".join(
        [
            "# yaml-language-server: $schema=../../schemas/environment.schema.json",
            f"name: {name}",
            f"description: Training and scoring of model {name} on CPU",
            'owners: ["@acme/ml-platform", "@acme/risk"]',
            "tags: {framework: scikit-learn, task: training}",
            "aliases: {staging: 5, prod: 3}",
            "",
            "base: {debian: bookworm}",
            "apt: [libgomp1, libopenblas0]",
            "python:",
            '  version: "3.11"',
            "  packages:",
            *packages,
            "variables:",
            f'  OMP_NUM_THREADS: "{chance.randint(1, 8)}"',
            "  MODEL_HOME: /srv/models",
            "# the scoring server",
            'container: {user: "1000", workdir: /home/app, ports: [5001]}',
            "inference: {port: 5001, liveness: /, readiness: /, scoring: /score}",
            "platforms: [linux/amd64]",
            "checks: [\"python -c 'import sklearn'\"]",
            "",
        ]
    )


def generate(root: Path, count: int) -> list[str]:
    """A catalog of `count` environments; the paths of their definitions."""
    chance = random.Random(count)
    paths = []
    for number in range(count):
        name = f"model-{number:05d}"
        folder = root / "catalog" / name
        folder.mkdir(parents=True)
        (folder / "environment.yaml").write_text(definition(name, chance))
        paths.append(str(folder / "environment.yaml"))
    (root / "catalog" / "catalog.yaml").write_text("aliases: [staging, prod]\n")
    return paths


def seconds(command: list[str], cwd: Path, repeat: int) -> float:
    """The best of `repeat` runs.

    Raises:
        SystemExit: the command failed.
    """
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
        best = min(best, time.perf_counter() - start)
        if done.returncode:
            raise SystemExit(f"{' '.join(command[:4])} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return best


def run(count: int, repeat: int) -> list[tuple[str, float]]:
    """Rows of the table: what was run, and its seconds; check-jsonschema comes first."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        paths = generate(root, count)
        theirs = [str(BIN / "check-jsonschema"), "--schemafile", str(SCHEMA)]
        rows = [("check-jsonschema --schemafile", seconds([*theirs, *paths], root, repeat))]
        ours = [sys.executable, "-c", _READ, str(root), str(count)]
        rows.append(("definition room, one process", seconds(ours, root, repeat)))
        if (ROOT / "tools" / "envcatalog" / "cli" / "main.py").exists():
            subprocess.run(["git", "init", "-q", str(root)], check=True)
            rows.append(("envcat validate", seconds([str(BIN / "envcat"), "validate"], root, repeat)))
        return rows


def main() -> None:
    """Print the table; exit 1 where ours is not four times faster."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    rows = run(options.count, options.repeat)
    print(f"{options.count} definitions, best of {options.repeat}\n")
    print(f"{'what':32}{'seconds':>9}{'ratio':>9}")
    for title, spent in rows:
        print(f"{title:32}{spent:9.2f}{rows[0][1] / spent:8.1f}x")
    if any(rows[0][1] / spent < 4 for _, spent in rows[1:]):
        raise SystemExit("ours is less than 4 times faster")


if __name__ == "__main__":
    main()
