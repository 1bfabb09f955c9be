"""Installed sizes of Debian packages: from the signed index, or from a package that it no longer lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcatalog.lock.debian.indexes import forget, load_indexes
from envcatalog.lock.fetch import ArtefactStore
from envcatalog.lock.learning.archives import installed_of_deb
from envcatalog.lock.learning.learner import Learner
from envcatalog.model.lock import Deb, Known
from envcatalog.model.seams import Silent
from envcatalog.model.settings import DebianMirror, Settings
from support.debs import DebianArchive

SUITE = "bookworm"


@pytest.fixture
def settings(archive: DebianArchive) -> Settings:
    mirror = DebianMirror(name="local", url=archive.url, suites=("{suite}",))
    return Settings(mirrors=(mirror,), keyring=str(archive.keyring))


def learner(settings: Settings, cache: Path) -> Learner:
    return Learner(ArtefactStore(cache, settings, Silent()), settings, cache, Silent())


def locked(settings: Settings, cache: Path, *names: str) -> list[Deb]:
    index = load_indexes(SUITE, ["amd64"], settings=settings, cache=cache, progress=Silent())["amd64"]
    return [index.versions(name)[0].deb for name in names]


def test_the_index_says_it_in_kibibytes(archive: DebianArchive, settings: Settings, tmp_path: Path) -> None:
    archive.add(SUITE, "libfoo", installed_size="120")
    archive.add(SUITE, "bar", architecture="amd64")
    archive.write(SUITE)
    debs = locked(settings, tmp_path, "libfoo", "bar")
    found = learner(settings, tmp_path).learn(debs, SUITE)
    assert found == {debs[0].sha256: Known(installed=120 * 1024), debs[1].sha256: Known()}


def test_one_that_is_superseded_is_read_where_it_is_here(
    archive: DebianArchive, settings: Settings, tmp_path: Path
) -> None:
    paths = [archive.add(SUITE, name, installed_size="7") for name in ("here", "away")]
    archive.write(SUITE)
    debs = locked(settings, tmp_path, "here", "away")
    archive.clear(SUITE)
    archive.add(SUITE, "here", "2.0-1", installed_size="9")
    archive.write(SUITE)
    ArtefactStore(tmp_path, settings, Silent()).keep(debs[0], paths[0].read_bytes())
    forget()
    found = learner(settings, tmp_path).learn(debs, SUITE)
    assert found == {debs[0].sha256: Known(installed=7 * 1024), debs[1].sha256: Known()}


def test_without_the_archive_nothing_is_learnt(
    archive: DebianArchive, settings: Settings, tmp_path: Path
) -> None:
    archive.add(SUITE, "libfoo", installed_size="120")
    archive.write(SUITE)
    debs = locked(settings, tmp_path / "one", "libfoo")
    (archive.root / f"dists/{SUITE}/InRelease").unlink()
    forget()
    assert learner(settings, tmp_path / "two").learn(debs, SUITE) == {}


@pytest.mark.parametrize(
    ("field", "size"),
    [
        (None, None),
        ("", None),
        ("-1", None),
        ("1e3", None),
        ("\u0661", None),
        ("9" * 13, None),
        ("999999999999", None),
        (" 0 ", 0),
        ("1", 1024),
    ],
)
def test_what_is_no_size_is_none(field: str | None, size: int | None) -> None:
    assert installed_of_deb(field) == size
