"""Where an interpreter of exactly one version may be had on this machine, in the order in which they are tried."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from envcatalog.image.conda.interpreter import conda_commands
from envcatalog.image.deb_files import package_tree
from envcatalog.image.paths import shown
from envcatalog.image.tree import File, Link, Spool, pieces
from envcatalog.model.digest import json_digest
from envcatalog.model.errors import Refusal
from envcatalog.model.host import host_platform
from envcatalog.model.lock import CondaPackage, Deb, Interpreters
from envcatalog.model.plan import PythonTarget
from envcatalog.model.seams import Artefacts

_UNPACKED_FORMAT = 1  # raise when what is unpacked changes
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu")

# What a process that only compiles loads; the rest of the locked packages, over half of the bytes, is not fetched.
_NEEDED = re.compile(r"(lib)?python3\.\d+-minimal|libc6|libexpat1|zlib1g")
_MINIMAL = re.compile(r"python3\.\d+-minimal")
_DPKG_STATUS = Path("/var/lib/dpkg/status")

Command = tuple[str, ...]


def commands(
    target: PythonTarget,
    interpreters: Interpreters,
    artefacts: Artefacts,
    cache: Path,
) -> Iterator[Command]:
    """Commands that start the right interpreter, or one whose version the caller has to look at."""
    packages = dict(interpreters).get(host_platform(), ())
    debs = tuple(package for package in packages if isinstance(package, Deb))
    if debs:
        needed = tuple(deb for deb in debs if _NEEDED.fullmatch(deb.name))
        if not folder_of(needed, cache).is_dir() and is_installed(debs):
            yield (target.interpreter,)
        yield debian_command(unpack(needed, artefacts, cache), target)
        yield debian_command(unpack(debs, artefacts, cache), target)
    conda = tuple(package for package in packages if isinstance(package, CondaPackage))
    if conda:
        yield from conda_commands(conda, target, artefacts, cache)
    if _own_version() == target.bytecode:
        yield (sys.executable,)
    on_path = shutil.which(f"python{target.version}")
    if on_path:
        yield (on_path,)
    managed = _managed(target.bytecode)
    if managed:
        yield (managed,)


def debian_command(root: Path, target: PythonTarget) -> Command:
    """Start an unpacked interpreter by its own loader, with its own libraries: the machine's C library, if it has
    one at all, plays no part.
    """
    folders = [root / folder for folder in _LIBRARIES if (root / folder).is_dir()]
    loaders = sorted(path for folder in folders for path in folder.glob("ld-linux-*.so.*"))
    if not loaders:
        raise Refusal(f"the locked packages of Python {target.bytecode} hold no dynamic loader")
    program = root / target.interpreter.lstrip("/")
    libraries = ":".join(map(str, folders))
    return (str(loaders[0]), "--inhibit-cache", "--library-path", libraries, str(program))


def unpack(debs: tuple[Deb, ...], artefacts: Artefacts, cache: Path) -> Path:
    """Unpack packages into a folder of the cache, once; two processes may do so at the same time.

    Raises:
        Refusal: a package is damaged or hostile.
    """
    folder = folder_of(debs, cache)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    artefacts.prefetch(debs)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack-") as new, Spool() as spool:
        inside = Path(new) / "root"
        _unpack_into(inside, debs, artefacts, spool)
        try:
            inside.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first
                raise
    return folder


def folder_of(debs: tuple[Deb, ...], cache: Path) -> Path:
    """Where these packages are unpacked; for other packages another folder."""
    key = json_digest({"format": _UNPACKED_FORMAT, "debs": sorted(deb.sha256 for deb in debs)})
    return cache / "interpreters" / key.removeprefix("sha256:")[:32]


def is_installed(debs: Iterable[Deb], status: Path = _DPKG_STATUS) -> bool:
    """Whether this machine itself runs the Debian interpreter that the lock names, so that nothing is fetched.

    Stable updates (``+deb12u6``) do not count: they mend single faults and leave the compiler alone. Measured: updates
    6 and 9 of 3.11.2-6 compile the standard library, 3,037 files, to the same bytes.
    """
    wanted = {(deb.name, deb.version.partition("+deb")[0]) for deb in debs if _MINIMAL.fullmatch(deb.name)}
    try:
        text = status.read_text("utf-8", errors="replace")
    except OSError:
        return False
    for name, version in wanted:
        entry = re.search(rf"^Package: {re.escape(name)}\n(?:.+\n)*", text, re.MULTILINE)
        fields = entry[0].splitlines() if entry else []
        said = next((line.removeprefix("Version: ") for line in fields if line.startswith("Version: ")), "")
        if "Status: install ok installed" not in fields or said.partition("+deb")[0] != version:
            return False
    return bool(wanted)


def _unpack_into(root: Path, debs: tuple[Deb, ...], artefacts: Artefacts, spool: Spool) -> None:
    # Only what is below usr/, where the loader, the libraries and Python's own modules are. The paths are those of
    # a layer and as safe. Links come last, and a name is never reached through one.
    links: list[tuple[Path, str]] = []
    for path, node in package_tree(debs, artefacts, spool).items():
        place = root / path
        if not path.startswith("usr/") or path.startswith("usr/share/"):
            continue
        if isinstance(node, File):
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as out, node.content.open() as stream:
                out.writelines(pieces(stream))
            place.chmod(0o755 if node.executable else 0o644)
        elif isinstance(node, Link) and "/" not in node.target:
            links.append((place, node.target))
    for place, link in links:
        if link in ("", ".", ".."):
            raise Refusal(f"`{shown(str(place.relative_to(root)))}` links to a folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(link)


def _own_version() -> str:
    return platform.python_version() if sys.implementation.name == "cpython" else ""


def _managed(version: str) -> str:
    """An interpreter that uv knows of; empty when there is none."""
    uv = shutil.which("uv") or _packaged_uv()
    if not uv:
        return ""
    command = [
        uv,
        "python",
        "find",
        "--no-python-downloads",
        "--no-project",
        "--no-config",
        "--quiet",
        version,
    ]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _packaged_uv() -> str:
    try:
        from uv import find_uv_bin
    except ImportError:
        return ""
    try:
        return find_uv_bin()
    except FileNotFoundError:
        return ""
