"""A small conda channel with real packages, a real Python among them, made once a session.

`linux-64` (or `linux-aarch64`, whichever is this machine's) and `noarch` can be solved, installed and run; the other
architecture has the same names, with a Python that is only text.
"""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from support.conda_oracle import index_channel as index_channel
from support.conda_packages import PLACEHOLDER, Hard, Node, Soft, Text, write_package
from support.conda_python import FULL, MINOR, python_files

HOST = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}.get(platform.machine(), "linux-64")
OTHER = {"linux-64": "linux-aarch64", "linux-aarch64": "linux-64"}[HOST]
PYTHON_BUILD = "h0_0_cpython"
ABI = "cp" + MINOR.replace(".", "")
SITE = f"lib/python{MINOR}/site-packages"


@pytest.fixture(scope="session")
def conda_channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The channel's folder; its name is the channel's, ``local``. Read only."""
    folder = tmp_path_factory.mktemp("conda-channel") / "local"
    make_channel(folder, tmp_path_factory.mktemp("conda-python"))
    return folder


def make_channel(folder: Path, scratch: Path) -> None:
    """Write all packages and index them."""
    python, libraries = python_files(scratch)
    _write_python(folder, HOST, python, libraries)
    stub: dict[str, Node] = {
        f"bin/python{MINOR}": Text(b"#!/bin/sh\nexit 1\n", executable=True),
        "bin/python": Soft(f"python{MINOR}"),
        f"lib/python{MINOR}/os.py": "name = 'posix'\n",
        f"lib/python{MINOR}/site.py": "ENABLE_USER_SITE = False\n",
    }
    _write_python(folder, OTHER, stub, {"lib/libnothing.so": "nothing\n"})
    _write_noarch(folder)
    for subdir in (HOST, OTHER):
        _write_native(folder, subdir)
    index_channel(folder)


def _write_python(folder: Path, subdir: str, python: dict[str, Node], libraries: dict[str, Node]) -> None:
    write_package(folder, "python-libs", "1.0", "h0_0", subdir=subdir, files=libraries)
    write_package(
        folder, "python", FULL, PYTHON_BUILD, subdir=subdir, files=python,
        depends=["python-libs >=1.0,<2", "__glibc >=2.17"], index={"constrains": [f"python_abi {MINOR}.* *_{ABI}"]},
    )  # fmt: skip


def _write_noarch(folder: Path) -> None:
    write_package(
        folder, "python_abi", MINOR, f"0_{ABI}", subdir="noarch", noarch="generic",
        index={"constrains": [f"python {MINOR}.*"]},
    )  # fmt: skip
    for version, kind in (("1.0", "tar.bz2"), ("1.1", "conda")):
        write_package(
            folder, "greeting", version, "pyh0_0", subdir="noarch", noarch="python", kind=kind,  # type: ignore[arg-type]
            depends=["python >=3.8"],
            entry_points=["greet = greeting:main", "greet-loudly = greeting.loud:Voice.main"],
            files=_greeting(version),
        )  # fmt: skip
    write_package(
        folder, "shared-data", "2026.1", "0", subdir="noarch", noarch="generic",
        files={
            "share/data/table.csv": "a,b\n1,2\n",
            "share/data/here.txt": Text(f"{PLACEHOLDER}/share/data\n".encode(), placeholder=PLACEHOLDER),
        },
    )  # fmt: skip
    write_package(
        folder, "with-script", "1.0", "0", subdir="noarch", noarch="generic", kind="tar.bz2",
        files={
            "bin/.with-script-post-link.sh": Text(b"#!/bin/sh\ntouch $PREFIX/linked\n", executable=True),
            "bin/.with-script-pre-unlink.sh": Text(b"#!/bin/sh\nexit 0\n", executable=True),
            "share/with-script.txt": "here\n",
        },
    )  # fmt: skip


def _greeting(version: str) -> dict[str, Node]:
    info = f"site-packages/greeting-{version}.dist-info"
    loud = "class Voice:\n    @staticmethod\n    def main():\n        print('HELLO')\n"
    return {
        "site-packages/greeting/__init__.py": f"VERSION = {version!r}\n\n\ndef main():\n    print('hello', VERSION)\n",
        "site-packages/greeting/loud.py": loud,
        "site-packages/greeting/words.txt": "hello\n",
        "site-packages/greeting/tests/__init__.py": "",
        "site-packages/greeting/tests/test_words.py": "def test():\n    pass\n",
        "site-packages/greeting/broken.py": "def (:\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: greeting\nVersion: {version}\n",
        f"{info}/INSTALLER": "conda\n",
        f"{info}/RECORD": "greeting/__init__.py,,\n",
        "python-scripts/greet-script": Text(
            f"#!{PLACEHOLDER}/bin/python\nimport greeting\ngreeting.main()\n".encode(),
            executable=True, placeholder=PLACEHOLDER,
        ),
        "share/greeting/note.txt": "outside of the modules\n",
    }  # fmt: skip


def _write_native(folder: Path, subdir: str) -> None:
    """Binary packages: the prefix in text and in binary files, links, and modules below the interpreter's folder."""
    for version in ("1.0", "1.1"):
        write_package(folder, "native", version, f"h{version[-1]}_0", subdir=subdir, files=_native(version))
    write_package(
        folder, "extension", "3.0", f"py{ABI[2:]}_0", subdir=subdir, kind="tar.bz2",
        depends=["native >=1.0,<2", f"python >={MINOR},<{_next_minor()}.0a0", f"python_abi {MINOR}.* *_{ABI}"],
        files={
            f"{SITE}/extension/__init__.py": "from pathlib import Path\nHOME = Path(__file__).parent\n",
            f"{SITE}/extension/where.py": Text(f"PREFIX = '{PLACEHOLDER}'\n".encode(), placeholder=PLACEHOLDER),
            f"{SITE}/extension/__pycache__/where.cpython-{ABI[2:]}.pyc": b"made by another\n",
            f"{SITE}/extension-3.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: extension\nVersion: 3.0\n",
            "bin/extend": Text(
                f"#!{PLACEHOLDER}/bin/python\nimport extension.where\nprint(extension.where.PREFIX)\n".encode(),
                executable=True, placeholder=PLACEHOLDER,
            ),
        },
    )  # fmt: skip


def _native(version: str) -> dict[str, Node]:
    library = (
        b"\x7fELF\x02"
        + bytes(8)
        + f"{PLACEHOLDER}/share/native\0{PLACEHOLDER}/lib:{PLACEHOLDER}/lib2\0".encode()
    )
    library += b"version " + version.encode() + bytes(range(256)) * 8
    return {
        f"lib/libnative.so.{version}": Text(library, executable=True, placeholder=PLACEHOLDER, mode="binary"),
        "lib/libnative.so.1": Soft(f"libnative.so.{version}"),
        "lib/libnative.so": Soft("libnative.so.1"),
        "lib/pkgconfig/native.pc": Text(
            f"prefix={PLACEHOLDER}\nlibs=-L{PLACEHOLDER}/lib\n".encode(), placeholder=PLACEHOLDER
        ),
        "bin/native": Text(b"#!/bin/sh\necho native " + version.encode() + b"\n", executable=True),
        "bin/native-again": Hard("bin/native"),
        "share/native/folder-link": Soft("../native"),
        "share/native/héllo.txt": "not only ASCII\n",
        "conda-meta/state-of-native.txt": "not a record\n",
    }  # fmt: skip


def _next_minor() -> str:
    major, minor = MINOR.split(".")
    return f"{major}.{int(minor) + 1}"
