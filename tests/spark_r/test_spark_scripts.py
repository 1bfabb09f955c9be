"""The table of links against the scripts of the packages that the machine's mirror has now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from envcatalog.formats.archives.deb import DebArchive
from envcatalog.image.alternatives import ALTERNATIVES, LINKS, offered_by
from envcatalog.lock.debian.indexes import load_indexes
from envcatalog.lock.debian.scripts import HARMLESS
from envcatalog.lock.debian.shell import commands_of
from envcatalog.lock.debian.solve import lock_debian
from envcatalog.lock.fetch import ArtefactStore
from envcatalog.model.seams import Silent
from envcatalog.model.settings import Settings

AMD = "linux/amd64"
SUITES = {"bookworm": "17", "trixie": "21"}

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Indexes and packages are fetched once."""
    return tmp_path_factory.mktemp("debian-cache")


@pytest.mark.parametrize("suite", SUITES)
def test_scripts_offer_what_the_table_says(suite: str, cache: Path) -> None:
    index = load_indexes(suite, ["amd64"], settings=Settings(), cache=cache, progress=Silent())["amd64"]
    names = [name.replace("*", SUITES[suite]) for name in (*ALTERNATIVES, *LINKS)]
    debs = [index.versions(name)[0].deb for name in names if index.versions(name)]
    assert {deb.name for deb in debs} == set(names)
    store = ArtefactStore(cache, Settings(), Silent())
    store.prefetch(tuple(debs))
    for deb in debs:
        with DebArchive(store.path(deb)) as archive:
            script = archive.scripts().get("postinst", b"").decode()
        text = " ".join(_joined(script).split())
        for item in offered_by(deb.name, AMD):
            if deb.name.startswith("openjdk"):
                basedir, name = item.target.rsplit("/", 2)[0], item.name
                assert f"basedir={basedir}" in text
                assert re.search(rf"\b{name}\b", text), name
                continue
            pair = f"{item.link} {item.name} {item.target}"
            assert pair in text, (deb.name, pair)
            if name_is_master(text, item.name):
                assert f"{pair} {item.priority}" in text
        for path, target in LINKS.get(deb.name, ()):
            assert path.rpartition("/")[2].removesuffix(".conf")[3:] in text or path in text
            assert target.rpartition("/")[2].removesuffix(".conf")[3:] in text


@pytest.mark.parametrize("suite", SUITES)
def test_the_package_with_the_locale_only_needs_what_the_root_layer_has(suite: str, cache: Path) -> None:
    index = load_indexes(suite, ["amd64"], settings=Settings(), cache=cache, progress=Silent())["amd64"]
    deb = index.versions("libc-bin")[0].deb
    store = ArtefactStore(cache, Settings(), Silent())
    store.prefetch((deb,))
    with DebArchive(store.path(deb)) as archive:
        scripts = archive.scripts()
        assert "preinst" not in scripts
        assert commands_of(scripts["postinst"].decode()) - HARMLESS == {"cp", "md5sum"}
        written = re.findall(r'"\$DPKG_ROOT(/[^"]+)"', scripts["postinst"].decode())
        assert set(written) == {"/etc/nsswitch.conf", "/usr/share/libc-bin/nsswitch.conf"}
        with archive.data() as files:
            names = {member.name.removeprefix("./") for member in files}
    assert "usr/lib/locale/C.utf8/LC_CTYPE" in names
    assert "etc/nsswitch.conf" not in names


def name_is_master(text: str, name: str) -> bool:
    """Not a slave of another alternative, which has no priority of its own."""
    return f"--slave /usr/bin/{name} " not in text


def _joined(script: str) -> str:
    return script.replace("\\\n", " ")


def test_r_and_spark_can_be_locked_in_another_suite_than_the_curated_ones(cache: Path) -> None:
    suite = "trixie"
    from envcatalog.lock.debian.policy import r_packages, spark_packages

    found = lock_debian(
        suite,
        (*r_packages(["data.table"]), *spark_packages(suite)),
        platforms=[AMD],
        settings=Settings(),
        present={},
        previous={},
        upgrade=False,
        upgrade_packages=frozenset(),
        cache=cache,
        progress=Silent(),
    )
    names = {deb.name for deb in found[AMD]}
    assert {"r-cran-data.table", f"openjdk-{SUITES[suite]}-jre-headless", "ca-certificates-java"} <= names
    assert not {"xdg-utils", "java-common", "util-linux", "ucf", "debconf"} & names
