"""Conda packages from the command line: a catalog with a channel in a folder of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support.catalogs import BASE, Workplace
from support.conda_channel import index_channel
from support.conda_packages import write_package

SETTINGS = "aliases: [staging, prod]\nchannels:\n  own: {url: channels/own}\n"
SITE = "lib/python3.11/site-packages"


def text(*packages: str, name: str = "demo", base: str = f"{{image: '{BASE}'}}") -> str:
    listed = json.dumps(list(packages))
    return f"name: {name}\nbase: {base}\nconda:\n  channels: [own]\n  packages: {listed}\n"


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channel") / "own"
    write_package(folder, "python", "3.11.7", "h0_cpython")
    for version in ("1.9", "1.10"):
        write_package(
            folder,
            "tool",
            version,
            depends=("lib",),
            files={f"{SITE}/tool-{version}.dist-info/METADATA": "x\n"},
        )
    write_package(folder, "lib", subdir="noarch", noarch="generic")
    write_package(folder, "extra", subdir="noarch", noarch="generic")
    index_channel(folder)
    return folder


@pytest.fixture
def catalog(workplace: Workplace, channel: Path) -> Workplace:
    """A catalog with `demo`, which has ``tool``."""
    (workplace.root / "catalog/catalog.yaml").write_text(SETTINGS)
    shutil.copytree(channel, workplace.root / "channels/own")
    workplace.write("demo", text("tool <1.10"))
    return workplace


def changes(place: Workplace, *arguments: str) -> list[tuple[str, str, str | None, str | None]]:
    done = place.run(*arguments, "--format", "json")
    assert done.code == 0, done.err
    return [(item["path"], item["kind"], item["before"], item["after"]) for item in done.json["changes"]]


def test_a_folder_is_found_from_anywhere(catalog: Workplace, tmp_path: Path) -> None:
    assert catalog.run("validate").code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = catalog.run("-C", str(catalog.root), "lock", "demo", at=elsewhere)
    assert done.code == 0, done.err
    catalog.commit("Add")
    lock = (catalog.root / "catalog/demo/lock.json").read_text()
    assert "channels/own" not in lock
    assert str(catalog.root) not in lock
    assert [row[:2] for row in catalog.plan(registry=False)] == [("demo", "build")]


def test_the_history_of_conda_packages(catalog: Workplace) -> None:
    catalog.lock()
    catalog.commit("Add")
    catalog.write("demo", text("tool", "extra"))
    assert changes(catalog, "diff", "demo@HEAD", "demo") == [
        ("conda.packages.extra", "added", None, "extra"),
        ("conda.packages.tool", "changed", "tool <1.10", "tool"),
    ]
    catalog.lock()
    done = catalog.run("lock", "--upgrade-package", "tool", "--format", "json")
    [change] = done.json["locks"][0]["changes"]
    assert change == {
        "path": "conda.packages.tool", "kind": "upgraded", "before": "1.9", "after": "1.10", "direct": True,
        "license": {"before": "BSD-3-Clause", "after": "BSD-3-Clause"},
        **{key: value for key, value in change.items() if key == "inherited_from"},
    }  # fmt: skip
    catalog.commit("Upgrade")
    assert changes(catalog, "diff", "demo@HEAD~1", "demo") == [
        ("conda.packages.extra", "added", None, "1.0"),
        ("conda.packages.tool", "upgraded", "1.9", "1.10"),
    ]
    assert "tool 1.9 -> 1.10" in catalog.run("log", "demo").out
    [origin] = catalog.run("blame", "demo", "tool", "--format", "json").json["packages"]
    assert (origin["package"], origin["installed"], origin["kind"]) == ("tool", "1.10", "conda")


def test_a_new_build_of_the_same_version_is_shown(catalog: Workplace) -> None:
    catalog.lock()
    catalog.commit("Add")
    write_package(catalog.root / "channels/own", "tool", "1.9", "1", depends=("lib",))
    index_channel(catalog.root / "channels/own")
    catalog.lock(upgrade=True)
    assert changes(catalog, "diff", "demo@HEAD", "demo") == [
        ("conda.packages.tool", "changed", "1.9 0", "1.9 1")
    ]


@pytest.mark.parametrize(
    ("query", "held"),
    [
        ("tool", True), ("tool<1.10", True), ("tool>=1.10", False), ("tool=1.9", True), ("tool=1.10", False),
        ("Tool", True), ("tools", False), ("lib", True), ("tool=1.*", True),
    ],
)  # fmt: skip
def test_search(catalog: Workplace, query: str, held: bool) -> None:
    catalog.lock()
    done = catalog.run("search", query, "--conda", "--format", "json")
    assert done.code == (0 if held else 1), done.err
    assert [(item["environment"], item["kind"]) for item in done.json["matches"]] == [
        ("demo", "conda")
    ] * held


def test_a_child_adds_conda_packages(catalog: Workplace) -> None:
    catalog.write("child", text("extra", name="child", base="{environment: demo}"))
    catalog.lock()
    lock = json.loads((catalog.root / "catalog/child/lock.json").read_text())
    assert [item["name"] for item in lock["platforms"]["linux/amd64"]["conda"]] == ["extra"]
    found = catalog.run("search", "tool", "--format", "json").json["matches"]
    assert [(item["environment"], item["inherited_from"]) for item in found] == [
        ("child", "demo"),
        ("demo", None),
    ]


def test_update_makes_conda_packages_newer(catalog: Workplace) -> None:
    catalog.lock()
    catalog.commit("Add")
    catalog.write("demo", text("tool"))
    catalog.lock()
    catalog.commit("Allow newer ones")
    done = catalog.run("update", "--check", "--format", "json")
    assert done.code == 1, done.err
    [update] = done.json["updates"]
    assert update["subject"] == "Update tool 1.9 -> 1.10 in demo"
    done = catalog.run("update", "--check", "--package", "tool", "--format", "json")
    assert [item["subject"] for item in done.json["updates"]] == ["Update tool 1.9 -> 1.10 in demo"]


def test_show(catalog: Workplace) -> None:
    catalog.lock()
    shown = catalog.run("show", "demo").out
    assert "channels   own" in shown
    assert "conda      tool <1.10" in shown
    assert "locked     linux/amd64 0 debs, 2 conda packages, 0 wheels" in shown
    value = catalog.run("show", "demo", "--format", "json").json
    assert value["lock"]["platforms"]["linux/amd64"]["conda"] == {"lib": "1.0", "tool": "1.9"}


def test_errors_are_readable(catalog: Workplace) -> None:
    catalog.write("demo", text("tool >=2"))
    done = catalog.run("lock", "demo")
    assert done.code == 1
    assert done.err.endswith(
        "error: no set of conda packages for linux/amd64 fits\n"
        "No candidates were found for tool >=2.\n"
        "hint: no package or version of `tool` for linux/amd64 is in `own`\n"
    )
    catalog.write("demo", text("tool").replace("own", "owm"))
    (catalog.root / "catalog/catalog.yaml").write_text(SETTINGS + "  owm: {url: missing}\n")
    done = catalog.run("lock", "demo")
    assert done.code == 2
    assert "error: conda channels cannot be read (`owm`): " in done.err
    assert "Traceback" not in done.err


def test_installed_sizes_are_learnt_and_compared_with_the_packages(catalog: Workplace) -> None:
    catalog.lock()
    path = catalog.root / "catalog/demo/lock.json"
    lock = json.loads(path.read_bytes())
    packages = {item["name"]: item["sha256"] for item in lock["platforms"]["linux/amd64"]["conda"]}
    assert lock["known"] == {
        packages["lib"]: {"installed": 0},
        packages["tool"]: {"installed": 2},
    }
    lock["known"][packages["tool"]] = {"installed": 1}
    path.write_text(json.dumps(lock))
    done = catalog.run("build")
    assert done.code == 1
    assert done.err.splitlines()[-2] == (
        "error: the lock of `demo` says that `tool` 1.9 takes 1 bytes when installed, "
        "but the file itself says 2"
    )


def relicense(place: Workplace, package: str, license_: str) -> None:
    """Write another licence into the entry of a package."""
    path = place.root / "catalog/demo/lock.json"
    lock = json.loads(path.read_bytes())
    for item in lock["platforms"]["linux/amd64"]["conda"]:
        if item["name"] == package:
            item["license"] = license_
    path.write_text(json.dumps(lock, sort_keys=True, indent=1, ensure_ascii=False) + "\n")


def test_a_lie_about_a_licence_gets_into_no_image(catalog: Workplace) -> None:
    catalog.write("demo", text("extra"))
    catalog.lock()
    relicense(catalog, "extra", "MIT")
    done = catalog.run("build")
    assert (done.code, done.err.splitlines()[-2:]) == (
        1,
        [
            "error: the lock of `demo` says that `extra` 1.0 has the licence `MIT`, "
            "but the file itself names `BSD-3-Clause`",
            "hint: run `envcat lock --upgrade-package extra demo`",
        ],
    )
    assert catalog.run("lock", "--upgrade-package", "extra", "demo").code == 0
    assert catalog.run("build").code == 0
    # Its layer is here now, and the file is as it was.
    relicense(catalog, "extra", "MIT")
    assert catalog.run("build").code == 1


def test_a_licence_that_the_channel_mended_is_no_lie(catalog: Workplace) -> None:
    catalog.write("demo", text("extra"))
    index = catalog.root / "channels/own/noarch/repodata.json"
    told = json.loads(index.read_bytes())
    (record,) = (item for item in told["packages.conda"].values() if item["name"] == "extra")
    record["license"] = "Apache-2.0"
    index.write_text(json.dumps(told))
    catalog.lock()
    done = catalog.run("build")
    assert done.code == 0, done.err
    relicense(catalog, "extra", "MIT")
    assert catalog.run("build").code == 1
    # Nor can a channel that is gone speak for it.
    shutil.rmtree(catalog.root / "channels/own")
    done = catalog.run("build")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: conda channels cannot be read (`own`): ")
