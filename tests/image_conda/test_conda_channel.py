"""The channel of the tests is a real one: rattler solves and installs it, and its Python runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.conda_channel import HOST, OTHER
from support.conda_oracle import install, solve
from support.conda_python import FULL, MINOR

PROGRAM = "import ctypes, hashlib, json, sys, zlib; print(sys.prefix); print(sys.version.split()[0])"


def test_its_python_runs_where_rattler_installs_it(conda_channel: Path, tmp_path: Path) -> None:
    records = solve(conda_channel, "python", "extension", "greeting =1.0", subdir=HOST)
    prefix = tmp_path / "prefix"
    install(records, prefix, tmp_path / "cache", known_as=str(prefix))
    ran = subprocess.run(
        [prefix / "bin/python", "-c", PROGRAM], capture_output=True, text=True, env={}, check=True
    )
    assert ran.stdout.split() == [str(prefix), FULL]
    for name, said in {
        "greet": "hello 1.0\n",
        "greet-script": "hello 1.0\n",
        "extend": f"{prefix}\n",
    }.items():
        assert (
            subprocess.run([prefix / "bin" / name], capture_output=True, text=True, check=True).stdout == said
        )


def test_both_architectures_have_the_same_names(conda_channel: Path) -> None:
    def names(subdir: str) -> set[tuple[str, str]]:
        found = json.loads((conda_channel / subdir / "repodata.json").read_text())
        return {
            (one["name"], one["version"]) for one in (found["packages"] | found["packages.conda"]).values()
        }

    assert names(HOST) == names(OTHER)
    assert (("python", FULL)) in names(HOST)
    assert ("python_abi", MINOR) in names("noarch")
