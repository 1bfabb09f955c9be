"""All layers of a Debian base together, from the machine's own mirror and index, and its interpreter at work."""

from __future__ import annotations

import hashlib
import io
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from envcatalog.image.bytecode import compiler_for
from envcatalog.image.layers import write_layer
from envcatalog.image.tar import TarWriter
from envcatalog.model.plan import LayerPlan, PythonTarget
from support.layers import Folder, locked_deb, locked_wheel, make_wheel

PACKAGES = """
    ca-certificates dash gcc-12-base libbz2-1.0 libc6 libcom-err2 libcrypt1 libdb5.3 libexpat1
    libffi8 libgcc-s1 libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 liblzma5
    libncursesw6 libnsl2 libpython3.11-minimal libpython3.11-stdlib libreadline8 libsqlite3-0
    libssl3 libstdc++6 libtinfo6 libtirpc3 libtirpc-common libuuid1 media-types netbase
    python3.11-minimal tzdata zlib1g
"""
INTERPRETER = {"libc6", "libexpat1", "libpython3.11-minimal", "python3.11-minimal", "zlib1g"}
PROGRAM = """
import ctypes, lzma, sqlite3, ssl, sys
import numpy, sample_package
from importlib.metadata import distribution

assert sys.prefix == "/opt/env" and sys.base_prefix == "/usr"
assert len(ssl.create_default_context().get_ca_certs()) > 100
assert numpy.arange(4).sum() == 6
assert distribution("numpy").read_text("INSTALLER") == "envcat\\n"
print("%d.%d.%d" % sys.version_info[:3])
"""


def usable() -> str:
    """Why this machine cannot make and start such a tree; empty when it can."""
    if platform.machine() != "x86_64" or not shutil.which("apt-get"):
        return "needs Debian on amd64"
    if "VERSION_CODENAME=bookworm" not in Path("/etc/os-release").read_text():
        return "needs the packages of bookworm"
    return (
        "" if subprocess.run(["unshare", "-Urm", "true"], check=False).returncode == 0 else "needs namespaces"
    )


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory, machine_config: dict[str, str]) -> Path:
    if reason := usable():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("downloads")
    subprocess.run(
        ["apt-get", "download", "-q", *PACKAGES.split()], cwd=folder, check=True, capture_output=True
    )
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", folder]
    about = [
        "--python-version",
        "3.11",
        "--platform",
        "manylinux_2_28_x86_64",
        "--platform",
        "manylinux2014_x86_64",
    ]
    subprocess.run([*pip, *about, "numpy"], check=True, env={"PATH": "/usr/bin:/bin", **machine_config})
    return folder


@pytest.mark.network
@pytest.mark.slow
def test_the_layers_make_a_root_that_runs(downloads: Path, tmp_path: Path) -> None:
    store = Folder(downloads, tmp_path)
    debs = tuple(sorted((locked_deb(path) for path in downloads.glob("*.deb")), key=lambda deb: deb.name))
    wheels = [locked_wheel(path) for path in downloads.glob("*.whl")]
    wheels.append(make_wheel(tmp_path, "sample_package", {"sample_package.py": b""}))
    interpreter = tuple(deb for deb in debs if deb.name in INTERPRETER)
    target = PythonTarget(version="3.11", interpreter="/usr/bin/python3.11", bytecode="3.11.2")
    plans = [
        LayerPlan(key="", kind="root", title=""),
        LayerPlan(key="", kind="debs", title="", artefacts=debs, python=target),
        LayerPlan(key="", kind="environment", title="", python=target),
        LayerPlan(key="", kind="wheels", title="", artefacts=tuple(wheels), python=target),
    ]
    root = tmp_path / "root"
    digests = []
    for cache in ("one", "two"):
        with compiler_for(target, (("linux/amd64", interpreter),), store, tmp_path / cache) as compiler:
            for plan in plans:
                out = io.BytesIO()
                with TarWriter(out) as tar:
                    write_layer(plan, store, compiler, tar)
                digests.append(hashlib.sha256(out.getvalue()).hexdigest())
                if cache == "one":
                    out.seek(0)
                    with tarfile.open(fileobj=out) as archive:
                        archive.extractall(root, filter="tar")
    assert digests[:4] == digests[4:]

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        inside = ["unshare", "-Urm", "chroot", str(root), *command]
        path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        return subprocess.run(inside, capture_output=True, text=True, env=path, check=False)

    # Nothing that is imported is compiled again. This comes first, since any run writes what is missing.
    verbose = run("/opt/env/bin/python", "-v", "-c", "import numpy, ssl").stderr.splitlines()
    assert [line for line in verbose if line.startswith(("# wrote", "# code object from /"))] == []
    assert sum(line.startswith("# code object from '/") for line in verbose) > 100
    done = run("/opt/env/bin/python", "-c", PROGRAM)
    assert (done.stdout, done.stderr) == ("3.11.2\n", "")
    assert run("/bin/sh", "-c", "/opt/env/bin/f2py -v").stdout.strip()
