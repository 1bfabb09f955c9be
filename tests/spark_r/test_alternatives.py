"""Links that maintainer scripts would make, and the layer they are in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from envcatalog.image.additions import system_layers, variables
from envcatalog.image.alternatives import ALTERNATIVES, LINKS, java_home, system_links
from envcatalog.image.keys import layer_key
from envcatalog.lock.debian.scripts import treatment
from envcatalog.model.lock import Deb
from envcatalog.model.plan import LayerPlan, PlatformPlan, RuntimeConfig
from support.layers import layer_bytes_of, read_tar

AMD, ARM = "linux/amd64", "linux/arm64"


def deb(name: str, version: str = "1.0-1") -> Deb:
    return Deb(
        name=name,
        version=version,
        architecture="amd64",
        path=f"pool/{name}_{version}_amd64.deb",
        size=1,
        sha256=(name + version).encode().hex().ljust(64, "0")[:64],
    )


def below(*debs: Deb, texts: tuple[tuple[str, str], ...] = ()) -> PlatformPlan:
    layers = (
        LayerPlan(key="sha256:" + "1" * 64, kind="debs", title="", artefacts=debs),
        LayerPlan(key="sha256:" + "2" * 64, kind="files", title="", texts=texts),
    )
    return PlatformPlan(platform=AMD, base=None, layers=layers, config=RuntimeConfig())


def test_a_library_is_found_by_the_name_that_programs_use() -> None:
    assert system_links([deb("libblas3")], AMD) == {
        "usr/lib/x86_64-linux-gnu/libblas.so.3": "/etc/alternatives/libblas.so.3-x86_64-linux-gnu",
        "etc/alternatives/libblas.so.3-x86_64-linux-gnu": "/usr/lib/x86_64-linux-gnu/blas/libblas.so.3",
    }
    assert system_links([deb("libblas3")], ARM) == {
        "usr/lib/aarch64-linux-gnu/libblas.so.3": "/etc/alternatives/libblas.so.3-aarch64-linux-gnu",
        "etc/alternatives/libblas.so.3-aarch64-linux-gnu": "/usr/lib/aarch64-linux-gnu/blas/libblas.so.3",
    }


def test_the_highest_priority_wins_whatever_the_order() -> None:
    debs = [deb("libblas3"), deb("libopenblas0-pthread"), deb("liblapack3")]
    links = system_links(debs, AMD)
    assert links == system_links(reversed(debs), AMD)
    assert {path: target for path, target in links.items() if path.startswith("etc")} == {
        f"etc/alternatives/{name}-x86_64-linux-gnu": f"/usr/lib/x86_64-linux-gnu/openblas-pthread/{name}"
        for name in ("libblas.so.3", "liblapack.so.3", "libopenblas.so.0")
    }


def test_the_newest_java_is_java() -> None:
    debs = [deb("openjdk-17-jre-headless"), deb("openjdk-11-jre-headless")]
    links = system_links(debs, ARM)
    assert links["usr/bin/java"] == "/etc/alternatives/java"
    assert links["etc/alternatives/java"] == "/usr/lib/jvm/java-17-openjdk-arm64/bin/java"
    assert links["etc/alternatives/jexec"] == "/usr/lib/jvm/java-17-openjdk-arm64/lib/jexec"
    assert java_home(debs, ARM) == "/usr/lib/jvm/java-17-openjdk-arm64"
    assert java_home([deb("libc6")], ARM) is None


def test_packages_without_such_links_get_no_layer() -> None:
    assert system_links([deb("libc6"), deb("ca-certificates")], AMD) == {}
    assert system_layers((deb("libc6"), deb("ca-certificates")), None, AMD) == []


def test_a_child_holds_what_its_base_does_not() -> None:
    base = below(deb("libblas3"), deb("liblapack3"))
    assert system_layers((), base, AMD) == []
    assert system_layers((deb("libblas3", "2.0-1"),), base, AMD) == []
    (layer,) = system_layers((deb("libopenblas0-serial"),), base, AMD)
    assert dict(layer.links)["etc/alternatives/libblas.so.3-x86_64-linux-gnu"] == (
        "/usr/lib/x86_64-linux-gnu/openblas-serial/libblas.so.3"
    )
    assert "usr/lib/x86_64-linux-gnu/libblas.so.3" not in dict(layer.links)


def test_javas_certificates_are_those_of_the_base() -> None:
    certificates = deb("ca-certificates", "2026")
    own = (deb("ca-certificates-java"), deb("openjdk-17-jre-headless"))
    (layer,) = system_layers(own, below(certificates), AMD)
    assert layer.artefacts == (certificates,)
    (other,) = system_layers(own, below(replace(certificates, sha256="f" * 64)), AMD)
    assert other.key != layer.key
    assert variables(own, None, AMD, None, None) == {"JAVA_HOME": "/usr/lib/jvm/java-17-openjdk-amd64"}
    assert variables((), below(*own), AMD, None, None) == {"JAVA_HOME": "/usr/lib/jvm/java-17-openjdk-amd64"}


def test_the_key_of_files_follows_from_all_that_they_hold() -> None:
    keys = [
        layer_key("files"),
        layer_key("files", links=[("a", "b")]),
        layer_key("files", links=[("a", "c")]),
        layer_key("files", texts=[("a", "b")]),
        layer_key("files", [deb("ca-certificates")]),
    ]
    assert len(set(keys)) == len(keys)
    assert layer_key("files", links=[("a", "b"), ("c", "d")]) == layer_key(
        "files", links=[("c", "d"), ("a", "b")]
    )
    # Published layers are found by their keys, so a golden one may not change.
    assert layer_key("files", links=[("a", "b")]) == (
        "sha256:99f92f6f9fcf5d1e18792c01fca1d4b2fba32fda2d93d1b22b23ae9f5d183fdc"
    )


@pytest.mark.parametrize("name", [*ALTERNATIVES, *LINKS])
def test_every_package_of_the_table_is_accepted_because_of_it(name: str) -> None:
    assert "image/alternatives.py" in (treatment(name.replace("*", "17")) or "")


def test_the_table_names_absolute_paths() -> None:
    for offered in ALTERNATIVES.values():
        for item in offered:
            assert item.link.startswith("/usr/")
            assert item.target.startswith("/usr/")
            assert "/" not in item.name
    for pairs in LINKS.values():
        assert all(path.startswith("/etc/") and target.startswith("/usr/") for path, target in pairs)


def test_links_are_written_as_links(tmp_path: Path) -> None:
    (layer,) = system_layers((deb("libblas3"), deb("r-base-core")), None, AMD)
    entries = read_tar(layer_bytes_of(layer, tmp_path))
    links = {name: entry.linkname for name, entry in entries.items() if entry.issym()}
    assert links == system_links([deb("libblas3"), deb("r-base-core")], AMD)
    assert links["etc/R/Renviron"] == "/usr/lib/R/etc/Renviron.ucf"
