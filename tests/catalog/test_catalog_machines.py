"""Another machine with an empty cache; what is asked of the index and the registry; checks before a version."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from envcatalog.run.sandbox.namespace import NamespaceRunner
from support.catalog_fixtures import host_architecture
from support.catalogs import PYTHON, Workplace, base_layout, definition, git
from support.fake_registry import FakeRegistry, digest_of, running
from support.servers import missing

WRITING = ("PUT", "POST", "PATCH", "DELETE")


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with running() as fake:
        yield fake


def two_wheels(place: Workplace, registry: FakeRegistry) -> None:
    """Published once, and pushed to origin."""
    place.images = f"{registry.address}/ml"
    place.add("demo", "alpha==1.0", "beta")
    place.published()
    git(place.root, "push", "-q", "origin", "main")


def another_machine(place: Workplace, folder: Path) -> Workplace:
    git(folder.parent, "clone", "-q", str(place.origin), str(folder))
    return replace(place, root=folder, cache=folder.parent / f"{folder.name}-cache")


def test_an_empty_cache_costs_only_what_changed(
    with_origin: Workplace, registry: FakeRegistry, tmp_path: Path
) -> None:
    place = with_origin
    two_wheels(place, registry)
    other = another_machine(place, tmp_path / "other")
    other.edit("demo", "alpha==1.0", "alpha==2.0")
    other.lock()
    other.commit()
    other.index.requests.clear()
    registry.seen.clear()
    assert other.published() == [("demo", 2, "published", "definition changed")]
    downloaded = [path for path in other.index.paths() if "/files/" in path]
    assert downloaded == ["/main/files/alpha-2.0-py3-none-any.whl"]
    uploads = [item for item in registry.seen if item.method == "PUT" and "/blobs/uploads/" in item.path]
    assert len(uploads) == 2, "the layer of one wheel, and the configuration"
    blobs = [item for item in registry.seen if item.method == "GET" and "/blobs/" in item.path]
    assert len(blobs) == 1, "the last configuration alone: it names the layers"


def test_the_unchanged_costs_no_write(with_origin: Workplace, registry: FakeRegistry, tmp_path: Path) -> None:
    two_wheels(with_origin, registry)
    for place in (with_origin, another_machine(with_origin, tmp_path / "other")):
        registry.seen.clear()
        place.index.requests.clear()
        assert place.published() == [("demo", 1, "unchanged", "is version 1")]
        assert [item.method for item in registry.seen if item.method in WRITING] == []
        assert [item.method for item in registry.seen if item.method == "GET"] == []
        assert place.index.requests == []


def test_a_child_shares_its_bases_layers(
    with_origin: Workplace, registry: FakeRegistry, tmp_path: Path
) -> None:
    place = with_origin
    two_wheels(place, registry)
    other = another_machine(place, tmp_path / "other")
    other.write(
        "child", definition("child", "alpha==1.0", base="{environment: demo}", more="variables: {A: b}\n")
    )
    other.lock("child")
    other.commit()
    registry.seen.clear()
    other.index.requests.clear()
    assert other.published("child") == [("child", 1, "published", "new")]
    assert [path for path in other.index.paths() if "/files/" in path] == []
    uploads = [item.body for item in registry.seen if item.method == "PUT" and "/blobs/uploads/" in item.path]
    assert len(uploads) == 2, (
        "the configuration, and the empty one of what refers to it; all layers are mounted"
    )
    assert b"{}" in uploads


def test_the_version_is_told_at_the_registry(with_origin: Workplace, registry: FakeRegistry) -> None:
    two_wheels(with_origin, registry)
    held = registry.manifests["ml/demo"]
    image = with_origin.trailers("demo@1")["Image"]
    fallback = json.loads(held[image.replace(":", "-")][1])
    [entry] = fallback["manifests"]
    referrer = json.loads(held[entry["digest"]][1])
    assert referrer["subject"]["digest"] == image
    told = referrer["annotations"]
    assert told["org.opencontainers.image.version"] == "1"
    assert told["org.opencontainers.image.revision"] == git(with_origin.root, "rev-parse", "HEAD")
    index = held[image][1]
    assert digest_of(index) == image
    for commit in (git(with_origin.root, "rev-parse", "HEAD"), "2026"):
        assert commit.encode() not in index


def test_without_a_registry(workplace: Workplace) -> None:
    workplace.add("demo", "alpha")
    assert tuple(workplace.run("publish")) == (
        2,
        "",
        "error: no registry is given\n"
        "hint: use `--registry`, `ENVCAT_REGISTRY`, or `registry:` in catalog/catalog.yaml\n",
    )
    workplace.monkeypatch.setenv("ENVCAT_REGISTRY", workplace.images)
    assert workplace.run("publish").code == 0
    workplace.monkeypatch.delenv("ENVCAT_REGISTRY")
    assert workplace.run("--registry", workplace.images, "-C", str(workplace.root), "publish").code == 0


def test_a_registry_that_is_down(with_origin: Workplace) -> None:
    with running() as fake:
        address = fake.address
    with_origin.images = f"{address}/ml"
    with_origin.add("demo", "alpha")
    done = with_origin.publish()
    assert (done.code, done.out) == (2, "")
    assert re.search(rf"^error: .*`?{re.escape(address)}", done.err, re.M), done.err
    assert with_origin.tags() == []


@pytest.mark.registry
def test_a_real_registry(with_origin: Workplace, docker_registry: str, tmp_path: Path) -> None:
    place = with_origin
    base_layout(place.root / "bases", tag="both", platforms=("amd64", "arm64"))
    place.images = f"{docker_registry}/{tmp_path.name.replace('_', '-')}".lower()
    both = "platforms: [linux/amd64, linux/arm64]\naliases: {prod: 1}\n"
    place.write("demo", definition("demo", "alpha==1.0", base="{image: 'oci:bases:both'}", more=both))
    place.lock()
    place.commit()
    assert place.published() == [("demo", 1, "published", "new")]
    place.edit("demo", "alpha==1.0", "alpha==2.0")
    place.lock()
    place.commit()
    assert place.published() == [("demo", 2, "published", "definition changed")]
    assert place.published() == [("demo", 2, "unchanged", "is version 2")]
    git(place.root, "push", "-q", "origin", "main")
    other = another_machine(place, tmp_path / "other")
    assert other.published() == [("demo", 2, "unchanged", "is version 2")]
    skopeo = shutil.which("skopeo")
    if skopeo:
        for tag, version in (("1", "1"), ("prod", "1"), ("latest", "2")):
            found = subprocess.run(
                [skopeo, "inspect", "--raw", "--tls-verify=false", f"docker://{place.images}/demo:{tag}"],
                capture_output=True,
                check=True,
            ).stdout
            assert digest_of(found) == place.trailers(f"demo@{version}")["Image"]


PROGRAMS = ("cat", "test", "false")


@pytest.fixture
def with_programs(workplace: Workplace) -> Workplace:
    """A base image that holds three programs of this machine."""
    platform = f"linux/{host_architecture()}"
    reason = NamespaceRunner(workplace.cache).unavailable(platform)
    if reason:
        missing(f"user namespaces, but {reason}")
    files = {"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n"}
    for name in PROGRAMS:
        program = Path(shutil.which(name) or "").resolve()
        files[f"bin/{name}"] = program.read_bytes()
        listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+)", listed):
            files[library.lstrip("/")] = Path(library).resolve().read_bytes()
    base_layout(workplace.root / "bases", tag="programs", platforms=(host_architecture(),), files=files)
    return workplace


def checked(command: str) -> str:
    platform = f"linux/{host_architecture()}"
    return definition(
        "demo",
        "alpha<2",
        base="{image: 'oci:bases:programs'}",
        more=f"platforms: [{platform}]\nchecks:\n  - test -d /opt/env\n  - {command}\n",
    )


def test_checks_run_in_the_image_before_the_version(with_programs: Workplace) -> None:
    place = with_programs
    path = f"/opt/env/lib/python{PYTHON}/site-packages/alpha/__init__.py"
    place.write("demo", checked(f"cat {path}"))
    place.lock()
    place.commit()
    done = place.publish()
    assert done.code == 0, done.err
    assert done.json["published"][0]["checks"] == "namespace"
    assert place.trailers("demo@1")["Checks"] == "namespace"
    built = place.run("build", "demo", "--check").out.splitlines()
    assert re.fullmatch(rf"  ok  linux/{host_architecture()}  .*  \([0-9.]+ s, namespace\)", built[1])
    assert place.run("build", "demo").out.splitlines() == built[:1]


def test_a_failed_check_publishes_nothing(with_programs: Workplace, registry: FakeRegistry) -> None:
    place = with_programs
    place.images = f"{registry.address}/ml"
    place.write("demo", checked("cat /nowhere"))
    place.lock()
    place.commit()
    done = place.publish()
    assert (done.code, done.out) == (1, "")
    platform = f"linux/{host_architecture()}"
    assert done.err.splitlines()[-3:-1] == [
        f"error: check `cat /nowhere` of `demo` exited with 1 on {platform}; nothing was published",
        "cat: /nowhere: No such file or directory",
    ]
    assert place.tags() == []
    assert [item.path for item in registry.seen if item.method == "PUT" and "manifests" in item.path] == []
    done = place.run("build", "demo", "--check")
    assert done.code == 1
    skipped = place.run("publish", "--registry", place.images, "--checks", "skip", "--format", "json")
    assert (skipped.code, skipped.json["published"][0]["checks"]) == (0, "not-run")
    assert place.trailers("demo@1")["Checks"] == "not-run"


def test_checks_where_nothing_can_run_them(with_programs: Workplace) -> None:
    place = with_programs
    place.write("demo", checked("cat /etc/passwd"))
    place.lock()
    place.commit()
    done = place.run("publish", "--registry", place.images, "--checks", "engine")
    assert (done.code, done.err.splitlines()[-2:]) == (
        2,
        [
            "error: the checks of `demo` cannot run as chosen: engine: no engine answers",
            "hint: leave `--checks` out to run them wherever it is possible",
        ],
    )
    assert place.tags() == []
