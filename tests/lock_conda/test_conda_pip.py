"""Conda and pip in one environment: what conda supplies is known to uv, and nothing is there twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from conda_lock_support import Locking, as_parent, versions, wheels

from envcatalog.lock.conda.projects import projects_in
from envcatalog.model.errors import Refusal
from envcatalog.model.settings import PackageIndex
from support.conda_channel import index_channel
from support.conda_packages import Node, write_package
from support.wheelhouse import Server

SITE = "lib/python3.11/site-packages"


def metadata(*projects: str) -> dict[str, Node]:
    """The files of installed projects, ``name-version``."""
    return {f"{SITE}/{project}.dist-info/METADATA": "Metadata-Version: 2.1\n" for project in projects}


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages that hold Python projects, by other names, too."""
    folder = tmp_path_factory.mktemp("projects") / "own"
    write_package(folder, "python", "3.11.7", "h0_cpython")
    on_python = ("python >=3.11,<3.12.0a0",)
    write_package(folder, "numpy", "2.2.1", depends=on_python, files=metadata("numpy-2.2.1"))
    write_package(folder, "scipy", "1.15", depends=(*on_python, "numpy >=2"), files=metadata("scipy-1.15.0"))
    write_package(
        folder, "pytorch", "2.5", depends=(*on_python, "numpy"), files=metadata("torch-2.5.0.post1")
    )
    write_package(folder, "requests", "2.32", depends=on_python, files=metadata("requests-2.32.3"))
    # A library of C that is called like a project that has nothing to do with it.
    write_package(folder, "snappy", "1.2", files={"lib/libsnappy.so": "no module\n"})
    write_package(
        folder, "ruamel.yaml", "0.18", subdir="noarch", noarch="python", kind="tar.bz2",
        depends=("python >=3.8",), files={"site-packages/ruamel.yaml-0.18.6-py3.11.egg-info": "old\n"},
    )  # fmt: skip
    index_channel(folder)
    return folder


@pytest.fixture
def lock(channel: Path, cache: Path, index: Server) -> Locking:
    """The channel and an index; the index has other releases of what conda supplies."""
    for name in ("numpy", "torch", "scipy", "ruamel.yaml"):
        index.add(name.replace(".", "_"), "9.0")
    return Locking(cache, {"own": channel.as_uri()})


def test_what_conda_supplies_is_not_installed_twice(lock: Locking, index: Server) -> None:
    index.add("model", "1.0", requires=("torch>=2", "numpy>=2", "snappy", "ruamel-yaml", "helper"))
    index.add("helper", "1.0")
    index.add("snappy", "7.0")
    found = lock("scipy", "pytorch", "snappy", "ruamel.yaml", wheels=("model", "numpy"), python="3.11")
    assert versions(found) == {
        "numpy": "2.2.1", "python": "3.11.7", "pytorch": "2.5", "ruamel.yaml": "0.18", "scipy": "1.15", "snappy": "1.2"
    }  # fmt: skip
    assert wheels(found) == {"helper": "1.0", "model": "1.0", "snappy": "7.0"}
    # Not even asked about: the index need not have what conda has.
    assert not [path for path in index.paths() if "/torch/" in path or "/numpy/" in path]


def test_a_conflict_names_both_who_require(lock: Locking, index: Server) -> None:
    index.add("old", "1.0", requires=("numpy<2",))
    with pytest.raises(Refusal) as refusal:
        lock("scipy", "pytorch=2.5", wheels=("old",), python="3.11")
    first, *reason, last = refusal.value.message.split("\n")
    assert first == "no set of wheels for Python 3.11 on linux/amd64 fits"
    assert "old" in " ".join(reason)
    assert "numpy<2" in " ".join(reason)
    assert last == "There is `numpy==2.2.1`, which `conda` brings for `pytorch` and `scipy`."
    assert refusal.value.hint == (
        "change the requirements that the reason names; packages that `conda` brings keep their versions"
    )


def test_a_requirement_of_the_definition_may_contradict_conda(lock: Locking) -> None:
    with pytest.raises(Refusal) as refusal:
        lock("numpy >=2", wheels=("numpy<2",), python="3.11")
    assert refusal.value.message == (
        "`numpy<2` contradicts `numpy==2.2.1`, which `conda` brings for `numpy >=2`"
    )


def test_many_who_require_are_counted(lock: Locking, index: Server, channel: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        lock("numpy", "scipy", "pytorch", wheels=("numpy>3",), python="3.11")
    assert refusal.value.message.endswith("brings for `numpy`, `pytorch` and `scipy`")


def test_extras_of_what_conda_supplies_come_from_the_index(lock: Locking, index: Server) -> None:
    index.add("client", "1.0", requires=("requests[socks]",))
    path = index.add(
        "requests", "2.32.3", requires=("PySocks; extra == 'socks'", "idna>=2; extra != 'socks'")
    )
    assert path.is_file()
    index.add("pysocks", "1.7")
    index.add("idna", "3.0")
    found = lock("requests", "numpy", wheels=("client",), python="3.11")
    assert wheels(found)["pysocks"] == "1.7"
    assert "requests" not in wheels(found)


def test_a_named_index_is_not_asked_for_what_conda_supplies(
    channel: Path, cache: Path, index: Server
) -> None:
    index.add("model", "1.0", index="named", requires=("numpy",))
    index.add("numpy", "9.0", index="named")
    named = PackageIndex(name="named", url=index.index("named"), packages=("model", "numpy"))
    lock = Locking(cache, {"own": channel.as_uri()}, indexes=(named,))
    assert wheels(lock("numpy", wheels=("model",), python="3.11")) == {"model": "1.0"}


def test_wheels_are_solved_again_when_conda_changed(lock: Locking, index: Server) -> None:
    index.add("model", "1.0", requires=("torch",))
    first = lock("pytorch", wheels=("model",), python="3.11")
    assert wheels(first) == {"model": "1.0"}
    index.requests.clear()
    assert lock("pytorch", wheels=("model",), python="3.11", previous=first) == first
    assert index.requests == []
    without = lock("numpy", wheels=("model",), python="3.11", previous=first)
    assert wheels(without) == {"model": "1.0", "torch": "9.0"}


def test_a_child_s_wheels_know_the_base_s_conda(lock: Locking, index: Server) -> None:
    index.add("model", "1.0", requires=("torch", "helper"))
    index.add("helper", "1.0")
    base = as_parent(lock("numpy", wheels=("helper",), python="3.11"))
    child = lock("pytorch", wheels=("model",), python="3.11", parent=base)
    assert versions(child) == {"pytorch": "2.5"}
    assert wheels(child) == {"model": "1.0"}


def test_conda_brings_no_second_copy_of_a_base_s_wheel(lock: Locking, index: Server) -> None:
    base = as_parent(lock("scipy", wheels=("torch",), python="3.11"))
    with pytest.raises(Refusal) as refusal:
        lock("pytorch", parent=base)
    assert refusal.value.message == (
        "`torch==9.0` of the base environment `demo` is there already, and `torch==2.5.0.post1` would be a "
        "second one, which `conda` brings for `pytorch`"
    )


def test_projects_are_found_by_their_metadata() -> None:
    paths = [
        "lib/python3.11/site-packages/Foo_Bar-1.0.dist-info/METADATA",
        "lib/python3.11/site-packages/foo_bar-1.0.dist-info/RECORD",
        "site-packages/ruamel.yaml-0.18.6-py3.11.egg-info",
        "lib/python3.11/site-packages/old_one-2.0-py3.11.egg-info/PKG-INFO",
        "lib/python3.11/site-packages/a/vendored/site-packages/inner-3.0.dist-info/METADATA",
        "lib/python3.11/site-packages/odd-1.x.y.dist-info/METADATA",
        "share/doc/other-1.0.dist-info/METADATA",
    ]
    assert projects_in(paths) == (
        ("foo-bar", "1.0"),
        ("old-one", "2.0"),
        ("ruamel-yaml", "0.18.6"),
    )
