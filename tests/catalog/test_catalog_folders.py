"""A pull request that points the settings at a folder of the machine."""

from __future__ import annotations

import pytest

from support.catalogs import Workplace, definition

HINT = (
    "hint: name it in `ENVCATALOG_FOLDERS` on the machines that may read it, "
    "or use a folder inside the repository\n"
)


@pytest.fixture
def place(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.delenv("ENVCATALOG_FOLDERS", raising=False)
    workplace.write("one", definition("one", "alpha"))
    (workplace.root / "catalog/catalog.yaml").write_text(
        "aliases: [prod]\nindexes:\n  home: {url: 'file:///srv/wheels', packages: [beta]}\n"
    )
    return workplace


def test_validate_shows_the_line(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    done = place.run("validate", "--format", "json")
    (problem,) = done.json["problems"]
    assert (done.code, problem["code"]) == (1, "settings-folder")
    assert (problem["file"], problem["line"], problem["column"]) == ("catalog/catalog.yaml", 3, 15)
    assert problem["message"] == "`indexes.home.url` is `file:///srv/wheels`, a folder outside the repository"
    monkeypatch.setenv("ENVCATALOG_FOLDERS", "/srv")
    assert place.run("validate").code == 0


def test_nothing_is_locked_until_the_machine_allows_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = place.run("lock", "one")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "error: `indexes.home.url` is `file:///srv/wheels`, a folder outside the repository, "
        f"in `catalog/catalog.yaml`\n{HINT}"
    )
    assert not (place.root / "catalog/one/lock.json").exists()
    monkeypatch.setenv("ENVCATALOG_FOLDERS", "/srv/wheels")
    done = place.run("lock", "one")
    assert done.code == 0, done.err
