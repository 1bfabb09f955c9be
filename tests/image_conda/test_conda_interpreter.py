"""What compiles for an image with a Python of conda: that very Python, unpacked from its locked packages."""

from __future__ import annotations

import subprocess
from itertools import islice
from pathlib import Path

from envcatalog.image.bytecode import compiler_for
from envcatalog.image.compile_process import Worker
from envcatalog.image.interpreters import commands
from envcatalog.model.host import host_platform
from support.conda_channel import HOST
from support.conda_layers import TARGET, Channel
from support.conda_oracle import locked, solve
from support.conda_python import FULL


def test_the_locked_interpreter_is_asked_first(conda_channel: Path, tmp_path: Path) -> None:
    packages = tuple(map(locked, solve(conda_channel, "python", subdir=HOST)))
    assert [package.name for package in packages] == ["python", "python-libs"]
    store = Channel(conda_channel)
    found = commands(TARGET, ((host_platform(), packages),), store, tmp_path)
    alone, whole = (Path(command[0]) for command in islice(found, 2))
    assert {alone.parents[2], whole.parents[2]} == {tmp_path / "interpreters"}
    assert [file.split("-")[0] for file in store.fetched] == ["python", "python", "python"]
    # Nothing of the machine's own Python comes in, and nothing of the environment that it does not need.
    program = "import sys; print(sys.version.split()[0], sys.prefix, len(sys.path))"
    ran = subprocess.run([whole, "-S", "-c", program], capture_output=True, text=True, env={}, check=True)
    assert ran.stdout.split()[:2] == [FULL, str(whole.parents[1])]
    assert not (whole.parents[1] / "lib" / f"python{TARGET.version}" / "site-packages").exists()
    worker = Worker.start((str(whole),))
    assert worker is not None
    worker.close()
    assert (worker.version, worker.implementation) == (FULL, "cpython")


def test_it_compiles_as_the_same_version_elsewhere_does(conda_channel: Path, tmp_path: Path) -> None:
    packages = tuple(map(locked, solve(conda_channel, "python", subdir=HOST)))
    source = ("/opt/env/lib/x.py", b"def f(a, *, b=(1, {2, 3})):\n    return [a for a in b if a]\n")
    store = Channel(conda_channel)
    with (
        compiler_for(TARGET, ((host_platform(), packages),), store, tmp_path) as theirs,
        compiler_for(TARGET, (), store, tmp_path) as own,
    ):
        assert list(theirs.compile([source])) == list(own.compile([source]))
    assert (tmp_path / "interpreters").is_dir()
