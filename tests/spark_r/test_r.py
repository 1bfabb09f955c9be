"""R and Java from Debian: which packages a definition asks for, and what is told where one does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from envcatalog.image.plan import plan_image
from envcatalog.lock.debian.indexes import forget
from envcatalog.lock.debian.policy import BASE_PACKAGES, r_packages, spark_packages
from envcatalog.lock.file import lock_digest
from envcatalog.lock.images import ImageResolver
from envcatalog.lock.resolve import Parent, lock_environment
from envcatalog.model.environment import DebianBase, Environment, EnvironmentBase, R
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Lock
from envcatalog.model.plan import ImagePlan
from envcatalog.model.seams import Silent
from envcatalog.model.settings import DebianMirror, Settings
from support.debs import DebianArchive

AMD = "linux/amd64"
R_DEPENDS = "libblas3, liblapack3, ucf, xdg-utils"
# As in Debian: the link of the library is made by its script alone.
BLAS = "#!/bin/sh\nset -e\nupdate-alternatives --install /usr/lib/x86_64-linux-gnu/libblas.so.3 a b 10\n"
# In short what Debian's does; the root layer has the file.
LIBC_BIN = "#!/bin/sh\n[ -f /etc/nsswitch.conf ] || cp -p /usr/share/libc-bin/nsswitch.conf /etc\nldconfig\n"


@dataclass
class Debian:
    """An archive with R in it."""

    archive: DebianArchive
    cache: Path

    def lock(self, environment: Environment, **more: Any) -> Lock:
        mirror = DebianMirror(name="m", url=self.archive.url, suites=("{suite}",))
        told: dict[str, Any] = {"parent": None, "previous": None, "upgrade": False}
        return lock_environment(
            environment,
            settings=Settings(mirrors=(mirror,), keyring=str(self.archive.keyring)),
            upgrade_packages=frozenset(),
            images=NoImages(),
            cache=self.cache,
            progress=Silent(),
            **(told | more),
        )


class NoImages(ImageResolver):
    """There is no base image in these."""

    def resolve(self, image: str, platforms: tuple[str, ...]) -> Any:
        raise AssertionError(image)


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[Debian]:
    archive = DebianArchive(tmp_path / "debian")
    for name in (*sorted({*BASE_PACKAGES} - {"libc-bin"}), "bash", "coreutils", "grep", "sed", "debianutils"):
        archive.add("bookworm", name)
    archive.add("bookworm", "libc-bin", depends="libc6", scripts={"postinst": LIBC_BIN})
    archive.add("bookworm", "r-base-core", "4.2.2", depends=R_DEPENDS)
    archive.add("bookworm", "libblas3", scripts={"postinst": BLAS})
    archive.add("bookworm", "liblapack3")
    for name in ("data.table", "jsonlite", "mass"):
        archive.add("bookworm", f"r-cran-{name}", depends="r-base-core")
    archive.write("bookworm")
    forget()
    yield Debian(archive, tmp_path / "cache")
    forget()


def environment(*packages: str, name: str = "demo", base: str | None = None) -> Environment:
    where = EnvironmentBase(environment=base) if base else DebianBase(suite="bookworm")
    return Environment(name=name, base=where, r=R(packages=packages))


def names(lock: Lock) -> set[str]:
    return {deb.name for deb in lock.platform(AMD).debs}


def plan(item: Environment, lock: Lock, parent: ImagePlan | None = None) -> ImagePlan:
    return plan_image(item, lock, lock_digest=lock_digest(lock), parent=parent, budget=40)


def test_names_of_cran_are_debians_in_lower_case(debian: Debian) -> None:
    lock = debian.lock(environment("data.table", "MASS"))
    assert names(lock) - set(BASE_PACKAGES) == {
        "bash",
        "coreutils",
        "debianutils",
        "grep",
        "libblas3",
        "liblapack3",
        "r-base-core",
        "r-cran-data.table",
        "r-cran-mass",
        "sed",
    }
    assert all(len(deb.sha256) == 64 and deb.version for deb in lock.platform(AMD).debs)


def test_without_packages_it_is_r_alone(debian: Debian) -> None:
    found = names(debian.lock(environment()))
    assert "r-base-core" in found
    assert not any(name.startswith("r-cran-") for name in found)


def test_an_unknown_package_and_the_nearest(debian: Debian) -> None:
    with pytest.raises(Refusal) as caught:
        debian.lock(environment("datatable"))
    assert caught.value.message == "there is no Debian package `r-cran-datatable` in `bookworm` for amd64"
    assert caught.value.hint == "did you mean `r-cran-data.table`?"


def test_the_links_of_its_libraries_are_in_the_image(debian: Debian) -> None:
    item = environment("data.table")
    (layer,) = [layer for layer in plan(item, debian.lock(item)).platforms[0].layers if layer.kind == "files"]
    links = dict(layer.links)
    assert links["etc/alternatives/libblas.so.3-x86_64-linux-gnu"] == (
        "/usr/lib/x86_64-linux-gnu/blas/libblas.so.3"
    )
    assert links["etc/R/Renviron"] == "/usr/lib/R/etc/Renviron.ucf"
    assert links["usr/bin/which"] == "/etc/alternatives/which"


def test_a_child_adds_packages_to_its_bases_r(debian: Debian) -> None:
    parent = environment("data.table", name="parent")
    lock = debian.lock(parent)
    made = plan(parent, lock)
    above = Parent.of(environments=[parent], locks=[lock], plan_digest=made.digest)
    child = environment("jsonlite", base="parent")
    added = debian.lock(child, parent=above)
    assert names(added) == {"r-cran-jsonlite"}
    layers = plan(child, added, made).platforms[0].layers
    assert [layer.title for layer in layers[len(made.platforms[0].layers) :]] == ["r-cran-jsonlite 1.0-1"]


def test_a_lock_without_the_locale_stays_good_and_gains_it_when_locked_anew(debian: Debian) -> None:
    item = environment("data.table")
    new = debian.lock(item)
    (platform,) = new.platforms
    rest = tuple(deb for deb in platform.debs if deb.name != "libc-bin")
    old = replace(new, platforms=(replace(platform, debs=rest),), inputs=(("debs", "sha256:" + "0" * 64),))
    assert plan(item, old).digest != plan(item, new).digest
    assert debian.lock(item, previous=old) == new


def test_what_each_suite_is_asked_for() -> None:
    assert spark_packages("bookworm") == ("bash", "coreutils", "libc-bin", "openjdk-17-jre-headless")
    assert spark_packages("trixie") == ("bash", "coreutils", "libc-bin", "openjdk-21-jre-headless")
    assert r_packages(["R6"])[-1] == "r-cran-r6"
