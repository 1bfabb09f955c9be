"""The machine's own Debian mirror: real suites, real packages, an interpreter that runs."""

from __future__ import annotations

import platform
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from envcatalog.formats.archives.deb import DebArchive
from envcatalog.lock.debian.indexes import forget
from envcatalog.lock.debian.mirrors import machine_mirrors
from envcatalog.lock.debian.policy import BASE_PACKAGES
from envcatalog.lock.debian.solve import lock_debian, lock_interpreters, python_packages
from envcatalog.lock.fetch import ArtefactStore
from envcatalog.model.environment import PLATFORMS
from envcatalog.model.lock import Bytecode, Deb
from envcatalog.model.seams import Silent
from envcatalog.model.settings import Settings

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(not machine_mirrors(), reason="apt's configuration here names no Debian mirror"),
]
MODULES = "ssl, sqlite3, ctypes, lzma, bz2, zlib, hashlib, readline, uuid, decimal, multiprocessing, zoneinfo"
HERE = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]


def lock(suite: str, python: str, cache: Path) -> tuple[dict[str, tuple[Deb, ...]], Bytecode]:
    settings, progress = Settings(), Silent()
    debs = lock_debian(
        suite,
        python_packages(suite, python),
        platforms=PLATFORMS,
        settings=settings,
        present={},
        previous={},
        upgrade=False,
        upgrade_packages=frozenset(),
        cache=cache,
        progress=progress,
    )
    bytecode = lock_interpreters(
        suite,
        python,
        settings=settings,
        cache=cache,
        progress=progress,
        previous=None,
        upgrade=False,
        upgrade_packages=frozenset(),
    )
    return debs, bytecode


@pytest.mark.parametrize(("suite", "python"), [("bookworm", "3.11"), ("trixie", "3.13")])
def test_a_python_base_is_locked_and_runs(suite: str, python: str, tmp_path: Path) -> None:
    debs, bytecode = lock(suite, python, tmp_path / "cache")
    for name, found in debs.items():
        assert set(BASE_PACKAGES) < {deb.name for deb in found}, name
        assert not {"debconf", "dpkg", "perl-base", "openssl", "adduser"} & {deb.name for deb in found}
        assert set(dict(bytecode.interpreters)[name]) <= set(found)
    assert bytecode.python.startswith(f"{python}.")

    root = tmp_path / "root"
    store = ArtefactStore(tmp_path / "cache", Settings(), Silent())
    for deb in dict(bytecode.interpreters)[HERE]:
        unpack(store.path(deb), root)
    code = f"import sys, {MODULES}; print(sys.version.split()[0], ssl.OPENSSL_VERSION.split()[0])"
    done = subprocess.run(
        [*interpreter(root, python), "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == [bytecode.python, "OpenSSL"]


def test_a_warm_lock_is_quick_and_the_same(tmp_path: Path) -> None:
    cold = lock("bookworm", "3.11", tmp_path)
    forget()
    started = time.perf_counter()
    assert lock("bookworm", "3.11", tmp_path) == cold
    assert time.perf_counter() - started < 10


def unpack(path: Path, root: Path) -> None:
    """Into a merged /usr, as the image has it."""
    with DebArchive(path) as deb, deb.data() as stream:
        for member in stream:
            name = member.name.removeprefix("./")
            for folder in ("bin", "sbin", "lib", "lib64"):
                if name == folder or name.startswith(f"{folder}/"):
                    name = f"usr/{name}"
            member.name = name or "."
            stream.extract(member, root, filter=tarfile.tar_filter)


def interpreter(root: Path, python: str) -> list[str]:
    loader = next((root / "usr").glob("lib*/ld-linux-*.so.*"), None) or next(
        (root / "usr/lib").rglob("ld-linux-*.so.*")
    )
    folders = [str(path) for path in (root / "usr/lib").glob("*-linux-gnu")]
    return [str(loader), "--library-path", ":".join(folders), str(root / f"usr/bin/python{python}")]
