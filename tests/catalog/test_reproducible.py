"""The same definition and lock give the same image, whoever builds it, wherever and whenever."""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from envcatalog.model.lock import Bytecode
from support.catalogs import Workplace, definition, git
from support.wheelhouse import EPOCH

VARIANTS = 32
GOLDEN = "sha256:477fadea61a6262380fa9f91453512ca245f4a5665eed7069b1ae0644dfa50af"


@dataclass
class Machine:
    """What differs from one rebuild to the next."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    umask: int = 0o022
    prefix: tuple[str, ...] = ()
    python: str = sys.executable
    shuffled: int | None = None
    deep: bool = False


def machines() -> Iterator[Machine]:
    """At least thirty, each unlike the others in what could show in the bytes."""
    for zone in ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"):
        yield Machine(f"TZ={zone}", {"TZ": zone})
    for language in ("C", "C.UTF-8", "tr_TR.UTF-8", "POSIX"):
        yield Machine(f"LANG={language}", {"LANG": language, "LC_ALL": language})
    for umask in (0o000, 0o077, 0o027, 0o002):
        yield Machine(f"umask {umask:03o}", umask=umask)
    for seed in ("0", "1", "42", "4294967295"):
        yield Machine(f"PYTHONHASHSEED={seed}", {"PYTHONHASHSEED": seed})
    for epoch in ("0", "1", "nonsense", "4102444800"):
        yield Machine(f"SOURCE_DATE_EPOCH={epoch}", {"SOURCE_DATE_EPOCH": epoch})
    for seed in range(3):
        yield Machine(f"file order {seed}", shuffled=seed)
    for options in (
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONDONTWRITEBYTECODE": "1"},
        {"PYTHONUTF8": "0", "LC_ALL": "C"},
    ):
        yield Machine(" ".join(f"{key}={value}" for key, value in options.items()), options)
    yield Machine("a deep folder with blanks", deep=True)
    yield Machine("another user's name", {"USER": "eve", "LOGNAME": "eve", "HOSTNAME": "elsewhere"})
    if works("taskset", "-c", "0", "true"):
        yield Machine("one processor", prefix=("taskset", "-c", "0"))
    if works("unshare", "-u", "true"):
        yield Machine(
            "another host name", prefix=("unshare", "-u", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh")
        )
    if works("faketime", "2001-01-01", "true"):
        yield Machine("another time", prefix=("faketime", "2001-01-01 00:00:00"))
    yield Machine("little stack and few files", prefix=("sh", "-c", 'ulimit -n 64; exec "$@"', "sh"))
    yield Machine("nothing else set", prefix=("nice", "-n", "1"))


def works(*command: str) -> bool:
    return (
        shutil.which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0
    )


def build(place: Workplace, machine: Machine, folder: Path) -> str:
    """Clone at a folder of its own with an empty cache, build, and say the digest."""
    root = folder / ("a folder/with blanks and ü/x" * 3 if machine.deep else "clone")
    root.parent.mkdir(parents=True)
    git(folder, "clone", "-q", str(place.root), str(root))
    home = folder / "home"
    home.mkdir()
    if machine.shuffled is not None:
        shuffle(root / "bases/blobs/sha256", machine.shuffled)
    environ = {
        **{key: value for key, value in os.environ.items() if key not in ("SOURCE_DATE_EPOCH", "TZ")},
        "HOME": str(home),
        "ENVCATALOG_CACHE": str(folder / "cache"),
        **machine.variables,
    }
    done = subprocess.run(
        [*machine.prefix, machine.python, "-m", "envcatalog", "build", "--format", "json"],
        cwd=root,
        env=environ,
        umask=machine.umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{machine.name}: {done.stderr}"
    digest: str = json.loads(done.stdout)["images"][0]["digest"]
    shutil.rmtree(folder)
    return digest


def shuffle(folder: Path, seed: int) -> None:
    """Make the files of a folder anew in another order, as another file system would list them."""
    names = sorted(path.name for path in folder.iterdir())
    random.Random(seed).shuffle(names)
    old = folder.with_name("old")
    folder.rename(old)
    folder.mkdir()
    for name in names:
        shutil.move(old / name, folder / name)
    old.rmdir()


@pytest.fixture
def published(workplace: Workplace) -> Workplace:
    """A small environment with byte code, a launcher, a test folder and odd names, published once."""
    content = (
        "def f(x={1: 'a', 'b': 2}):\n    return {'z', 'y', 'x'} | set(x)\n\nNAMES = frozenset({'p', 'q'})\n"
    )
    workplace.index.add("alpha", "1.5", content=content)
    workplace.index.add("delta", "1.0", requires=["alpha"], content="import alpha\n" + content * 30)
    workplace.write(
        "demo",
        definition(
            "demo",
            "alpha==1.5",
            "beta",
            "delta",
            more="variables: {B: '1', A: 'ü'}\ncontainer: {workdir: /x}\n",
        ),
    )
    workplace.lock()
    workplace.commit()
    workplace.published()
    return workplace


def test_many_rebuilds_give_one_digest(published: Workplace, tmp_path: Path) -> None:
    expected = published.trailers("demo@1")["Image"]
    variants = list(machines())
    assert len(variants) >= VARIANTS, [machine.name for machine in variants]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(
            lambda pair: build(published, pair[1], tmp_path / f"rebuild-{pair[0]}"), enumerate(variants)
        )
        different = [
            machine.name for machine, digest in zip(variants, found, strict=True) if digest != expected
        ]
    assert different == []


def test_another_patch_version_of_python_gives_the_same_digest(published: Workplace, tmp_path: Path) -> None:
    other = other_python()
    if other is None:
        pytest.skip("needs another patch version of the same Python")
    machine = Machine("another Python", {"PYTHONPATH": os.pathsep.join(packages())}, python=other)
    try:
        assert build(published, machine, tmp_path / "rebuild") == published.trailers("demo@1")["Image"]
    except AssertionError as error:
        if "No module named" in str(error):
            pytest.skip("needs another patch version of the same Python that can load our libraries")
        raise


def other_python() -> str | None:
    """An interpreter of our minor version and another patch version."""
    name = "python{}.{}".format(*sys.version_info[:2])
    for folder in ("/usr/bin", "/usr/local/bin", *os.environ.get("PATH", "").split(os.pathsep)):
        program = Path(folder) / name
        if program.is_file():
            asked = [str(program), "-c", "import platform; print(platform.python_version())"]
            said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
            if said and said != platform.python_version():
                return str(program)
    return None


def packages() -> tuple[str, ...]:
    import envcatalog

    return (
        str(Path(envcatalog.__file__).parents[1]),
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
    )


def data_wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> None:
    """A wheel without a single Python module: no interpreter has a say in its layer."""
    info = f"{name}-{version}.dist-info"
    members = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    members[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*members, f"{info}/RECORD")).encode()
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, data in members.items():
            member = zipfile.ZipInfo(path, EPOCH)
            member.create_system = 3
            archive.writestr(member, data)


GOLDEN_DEFINITION = """\
name: golden
description: Bytes that must never change
base: {image: 'oci:bases:tiny'}
python:
  version: "3.11"
  packages: [numbers-of-old, words-of-old]
variables: {GREETING: "grüß dich", A: "1"}
container: {user: "1000", workdir: /home/app, command: [cat, /etc/passwd], ports: [8080]}
inference: {port: 5001, liveness: /, scoring: /score}
platforms: [linux/amd64]
"""


def test_the_golden_digest(workplace: Workplace) -> None:
    """A change of this digest changes every image of everybody: raise `LAYER_FORMAT`, and say so in the changelog."""
    files = workplace.index.root / "main/files"
    data_wheel(files, "numbers_of_old", "1.0", {"numbers_of_old/data.bin": bytes(range(256)) * 5000})
    data_wheel(files, "words_of_old", "2.0", {f"words_of_old/{name}.txt": b"word " * 999 for name in "cab"})
    workplace.write("golden", GOLDEN_DEFINITION)
    fixed = Bytecode(python="3.11.2")
    workplace.monkeypatch.setattr("envcatalog.lock.resolve.host_bytecode", lambda version, cache: fixed)
    workplace.lock()
    workplace.commit()
    [image] = workplace.run("build", "golden", "--format", "json").json["images"]
    assert image["digest"] == GOLDEN
