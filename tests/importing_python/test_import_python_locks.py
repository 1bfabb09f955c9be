"""`pylock.toml` and `uv.lock`, written by hand and by uv itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from envcatalog.formats.incoming.python.requirement_one import image_of
from envcatalog.model.draft import Draft
from envcatalog.model.errors import Refusal
from support.python_imports import imported, lines
from support.wheelhouse import write_wheel

HASHES = "the hashes of its files are not in a definition; the lock holds those of the files it chooses"
INDEX = "packages come from the machine's index, or from `indexes` of `catalog.yaml`"

PYLOCK = """\
lock-version = "1.0"
environments = ["sys_platform == 'linux'"]
requires-python = ">=3.11"
extras = ["plot"]
dependency-groups = ["test"]
created-by = "hand"

[[packages]]
name = "six"
version = "1.16.0"
index = "https://index.example.com/simple"
[[packages.wheels]]
name = "six-1.16.0-py3-none-any.whl"
url = "https://f.example.com/six-1.16.0-py3-none-any.whl"
hashes = {sha256 = "aa"}

[[packages]]
name = "idna"
version = "3.7"
marker = "python_full_version >= '3.11.5'"
index = "https://index.example.com/simple"
sdist = {url = "https://f.example.com/idna-3.7.tar.gz", hashes = {sha256 = "bb"}}

[[packages]]
name = "tomli"
version = "2.0"
marker = "python_version < '3.11'"
sdist = {url = "https://f.example.com/tomli-2.0.tar.gz", hashes = {sha256 = "cc"}}

[[packages]]
name = "matplotlib"
version = "3.9"
marker = "'plot' in extras"
index = "https://other.example.com/simple"
sdist = {url = "https://f.example.com/matplotlib-3.9.tar.gz", hashes = {sha256 = "dd"}}

[[packages]]
name = "pytest"
version = "8.0"
marker = "'test' in dependency_groups and platform_machine == 'x86_64'"
sdist = {url = "https://f.example.com/pytest-8.0.tar.gz", hashes = {sha256 = "ee"}}

[[packages]]
name = "mine"
vcs = {type = "git", url = "https://git.example.com/mine.git", commit-id = "abc"}
"""


def packages(draft: Draft) -> tuple[str, ...]:
    assert draft.environment.python is not None
    return draft.environment.python.packages


def test_pylock() -> None:
    draft = imported("pylock.toml", PYLOCK)
    assert packages(draft) == ("six==1.16.0", 'idna==3.7; python_full_version >= "3.11.5"')
    absent = "it is not for Python 3.11 on Linux, or for what is optional"
    assert lines(draft) == [
        'pylock.toml:3: requires-python = ">=3.11" | a definition has one minor version; 3.11 was chosen',
        "pylock.toml:4: extra plot | it is optional; `--extra plot` takes it",
        "pylock.toml:5: group test | it is optional; `--group test` takes it",
        f"pylock.toml:9: index https://index.example.com/simple | {INDEX}",
        f"pylock.toml:9: hashes | {HASHES}",
        f"pylock.toml:25: tomli 2.0 | {absent}",
        f"pylock.toml:31:! index https://other.example.com/simple | {INDEX}",
        f"pylock.toml:31: matplotlib 3.9 | {absent}",
        f"pylock.toml:38: pytest 8.0 | {absent}",
        "pylock.toml:44:! mine | it is not from an index; a definition names packages of an index",
    ]


def test_pylock_with_what_is_optional() -> None:
    both = ("linux/amd64", "linux/arm64")
    draft = imported("pylock.toml", PYLOCK, extras=("plot",), groups=("test",), platforms=both)
    assert packages(draft)[2:] == ("matplotlib==3.9", "pytest==8.0")
    assert "pylock.toml:38:! pytest 8.0 | its marker cannot be kept; it is installed everywhere" in lines(
        draft
    )
    older = imported("pylock.toml", PYLOCK, python="3.10")
    assert packages(older) == ("six==1.16.0", "tomli==2.0")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pylock.toml: it is no lock as PEP 751 says: Missing required value in 'lock-version'"),
        (
            'created-by = "x"\nlock-version = "2.0"\npackages = []\n',
            "pylock.toml: it is no lock as PEP 751 says: pylock version 2.0 is not supported",
        ),
        (
            'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "a"\n\n[[packages]]\nname = 1\n',
            "pylock.toml:4: it is no lock as PEP 751 says: Exactly one of vcs, directory, archive must be set"
            " if sdist and wheels are not set in 'packages[0]'",
        ),
        ("[[packages\n", "pylock.toml:1: this is not TOML: "),
    ],
)
def test_what_is_no_pylock(text: str, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        imported("pylock.toml", text)
    assert caught.value.message.startswith(message)


UV = """\
version = 1
revision = 3
requires-python = ">=3.10"

[[package]]
name = "app"
version = "0"
source = { editable = "." }
dependencies = [
    { name = "six" },
    { name = "two", version = "1.0", marker = "platform_machine == 'x86_64'" },
    { name = "two", version = "2.0", marker = "platform_machine != 'x86_64'" },
    { name = "member" },
    { name = "old", marker = "python_full_version < '3.11'" },
]

[package.optional-dependencies]
cpu = [
    { name = "torch", version = "2.0+cpu", marker = "extra == 'extra-3-app-cpu'" },
]
gpu = [
    { name = "torch", version = "2.0", source = { registry = "https://i.example.com/s" } },
]

[package.dev-dependencies]
test = [
    { name = "plugged", extra = ["more"] },
]

[[package]]
name = "member"
version = "0"
source = { virtual = "member" }
dependencies = [
    { name = "gitty" },
]

[[package]]
name = "gitty"
version = "1.0"
source = { git = "https://git.example.com/gitty.git#abc" }
dependencies = [
    { name = "six" },
]

[[package]]
name = "old"
version = "1.0"
source = { registry = "https://i.example.com/s" }

[[package]]
name = "plugged"
version = "3.0"
source = { registry = "https://i.example.com/s" }

[package.optional-dependencies]
more = [
    { name = "plug" },
]

[[package]]
name = "plug"
version = "4.0"
source = { registry = "https://i.example.com/s" }

[[package]]
name = "six"
version = "1.16.0"
source = { registry = "https://i.example.com/s" }

[[package]]
name = "torch"
version = "2.0"
source = { registry = "https://i.example.com/s" }

[[package]]
name = "torch"
version = "2.0+cpu"
source = { registry = "https://c.example.com/s" }

[[package]]
name = "two"
version = "1.0"
source = { registry = "https://i.example.com/s" }

[[package]]
name = "two"
version = "2.0"
source = { registry = "https://i.example.com/s" }
"""


def test_uv_lock() -> None:
    draft = imported("uv.lock", UV)
    assert packages(draft) == ("six==1.16.0", "two==1.0")
    away = "it is installed from its `{}`; a definition names packages of an index"
    assert lines(draft) == [
        'uv.lock:3: requires-python = ">=3.10" | a definition has one minor version; 3.11 was chosen',
        "uv.lock:6: app | the project itself is not in the image, only what it depends on",
        "uv.lock:19: extra cpu | it is optional; taken with `--extra cpu`",
        "uv.lock:22: extra gpu | it is optional; taken with `--extra gpu`",
        "uv.lock:27: group test | it is optional; taken with `--group test`",
        f"uv.lock:31:! member | {away.format('virtual')}",
        f"uv.lock:39:! gitty | {away.format('git')}",
        f"uv.lock:67: six 1.16.0: https://i.example.com/s | {INDEX}",
        f"uv.lock:67: hashes | {HASHES}",
    ]


def test_uv_lock_with_what_is_asked_for() -> None:
    both = ("linux/amd64", "linux/arm64")
    assert packages(imported("uv.lock", UV, platforms=both)) == (
        "six==1.16.0",
        'two==1.0; platform_machine == "x86_64"',
        'two==2.0; platform_machine == "aarch64"',
    )
    assert packages(imported("uv.lock", UV, python="3.10"))[0] == "old==1.0"
    assert "torch==2.0" in packages(imported("uv.lock", UV, extras=("gpu",)))
    cpu = imported("uv.lock", UV, extras=("cpu",))
    assert "torch==2.0+cpu" in packages(cpu)
    assert f"uv.lock:77:! torch 2.0+cpu: https://c.example.com/s | {INDEX}" in lines(cpu)
    assert packages(imported("uv.lock", UV, groups=("test",)))[:2] == ("plugged==3.0", "plug==4.0")


@pytest.mark.parametrize(
    ("text", "wanted", "message"),
    [
        ("version = 2\n", {}, "uv.lock:1: it is no lock of uv in version 1"),
        ("", {}, "uv.lock: it is no lock of uv in version 1"),
        ("version = 1\n", {}, "uv.lock: it names no project, so nothing says what is needed of it"),
        (UV, {"extras": ("tpu",)}, "uv.lock: there is no extra `tpu` in this lock"),
        (UV, {"groups": ("docs",)}, "uv.lock: there is no group `docs` in this lock"),
    ],
)
def test_what_is_no_uv_lock(text: str, wanted: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(Refusal) as caught:
        imported("uv.lock", text, **wanted)
    assert caught.value.message == message


PROJECT = """\
[project]
name = "app"
version = "0"
requires-python = ">=3.11"
dependencies = ["alpha[fast]", "beta<2; sys_platform == 'linux'", "gamma; sys_platform == 'win32'"]
[project.optional-dependencies]
old = ["delta==1"]
new = ["delta==2"]
[dependency-groups]
test = ["epsilon"]
[tool.uv]
conflicts = [[{extra = "old"}, {extra = "new"}]]
"""


def run_uv(folder: Path, uv_cache: Path, *arguments: str) -> str:
    """uv's own answer, from the wheels of the test alone."""
    options = ["--offline", "--no-index", "--find-links", "wheels", "--cache-dir", str(uv_cache)]
    environment = {**os.environ, "UV_PYTHON": sys.executable, "UV_NO_CONFIG": "1"}
    return subprocess.run(
        [find_uv_bin(), *arguments, *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, uv_cache: Path) -> Path:
    """A project with a lock that uv wrote."""
    folder = tmp_path_factory.mktemp("project")
    wheels = folder / "wheels"
    write_wheel(wheels, "alpha", "1.0", requires=["zeta>=1", "beta; extra == 'fast'"])
    for name, version in (("beta", "1.5"), ("beta", "2.0"), ("gamma", "1.0"), ("delta", "1")):
        write_wheel(wheels, name, version)
    for name, version in (("delta", "2"), ("epsilon", "1.0"), ("zeta", "1.1")):
        write_wheel(wheels, name, version)
    (folder / "pyproject.toml").write_text(PROJECT)
    run_uv(folder, uv_cache, "lock")
    return folder


@pytest.mark.parametrize(
    ("extras", "groups", "expected"),
    [
        ((), (), {"alpha==1.0", "beta==1.5", "zeta==1.1"}),
        (("old",), (), {"alpha==1.0", "beta==1.5", "zeta==1.1", "delta==1"}),
        (("new",), ("test",), {"alpha==1.0", "beta==1.5", "zeta==1.1", "delta==2", "epsilon==1.0"}),
    ],
)
def test_a_lock_of_uv_is_read_as_uv_reads_it(
    project: Path, uv_cache: Path, extras: tuple[str, ...], groups: tuple[str, ...], expected: set[str]
) -> None:
    from packaging.requirements import Requirement

    draft = imported("uv.lock", (project / "uv.lock").read_bytes(), extras=extras, groups=groups)
    chosen = [word for name in extras for word in ("--extra", name)]
    chosen += [word for name in groups for word in ("--group", name)]
    exported = run_uv(
        project, uv_cache, "export", "--frozen", "--no-hashes", "--no-emit-project", "--no-header",
        "--no-annotate", "--no-default-groups", *chosen,
    )  # fmt: skip
    image = {**image_of("3.11", "0", "x86_64"), "extra": ""}
    wanted = set()
    for line in exported.splitlines():
        read = Requirement(line)
        if read.marker is None or read.marker.evaluate(image):
            wanted.add(f"{read.name}{read.specifier}")
    assert set(packages(draft)) == wanted == expected
    exported = run_uv(
        project, uv_cache, "export", "--frozen", "--no-emit-project", "--no-default-groups", *chosen,
        "--format", "pylock.toml",
    )  # fmt: skip
    assert set(packages(imported("pylock.toml", exported))) == expected
