"""Which folders of the machine the catalog's settings may name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envcatalog.lock.conda.channels import rooted
from envcatalog.lock.folders import HINT, VARIABLE, outside_folders
from envcatalog.model.errors import Refusal
from envcatalog.model.settings import (
    CondaChannel,
    DebianMirror,
    MavenRepository,
    PackageIndex,
    Settings,
)


@pytest.fixture(autouse=True)
def nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a channel in it."""
    (tmp_path / "repository/channel/noarch").mkdir(parents=True)
    (tmp_path / "secret/noarch").mkdir(parents=True)
    return tmp_path / "repository"


def channel(url: str) -> Settings:
    return Settings(channels=(CondaChannel(name="a", url=url),))


def found(settings: Settings, root: Path | None = None) -> list[str]:
    return [folder.message for folder in outside_folders(settings, root)]


def test_every_kind_of_address_is_judged_and_named_by_its_key() -> None:
    place = "file:///srv/x"
    settings = Settings(
        indexes=(PackageIndex(name="i", url=place, packages=("x",)),),
        channels=(CondaChannel(name="c", url=place),),
        maven=(MavenRepository(name="m", url=place),),
        mirrors=(DebianMirror(name="d", url=place),),
    )
    assert [folder.path for folder in outside_folders(settings)] == [
        ("indexes", "i", "url"),
        ("channels", "c", "url"),
        ("maven", "m", "url"),
        ("debian", "mirrors", "d", "url"),
    ]
    assert found(settings)[3] == "`debian.mirrors.d.url` is `file:///srv/x`, a folder outside the repository"


@pytest.mark.parametrize(
    ("allowed", "url", "fine"),
    [
        ("", "file:///srv/x", False),
        ("/srv", "file:///srv/x", True),
        ("/srv/x", "file:///srv/x", True),
        ("/srv/x", "file:///srv/xy", False),
        (f"/opt{os.pathsep}/srv", "file:///srv/x", True),
        ("/srv", "file:///srv/../etc", False),
        ("/srv", "file:///srv/%2e%2e/etc", False),
        ("/srv", "FILE:///etc", False),
        ("srv", "file:///srv/x", False),
        (".", "file:///srv/x", False),
        ("", "https://conda.example.com/a", True),
        ("", "channel", True),
    ],
)
def test_the_machine_says_which_folders(
    allowed: str, url: str, fine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, allowed)
    assert (found(channel(url)) == []) is fine


def test_a_folder_inside_the_repository_is_made_absolute(root: Path) -> None:
    assert rooted(channel("channel"), root).channels[0].url == str(root / "channel")
    again = rooted(rooted(channel("channel"), root), root)
    assert again.channels[0].url == str(root / "channel")


def test_an_address_outside_is_refused_before_anything_is_read(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        rooted(channel("file:///srv/x"), root)
    assert caught.value.message == (
        "`channels.a.url` is `file:///srv/x`, a folder outside the repository, in `catalog/catalog.yaml`"
    )
    assert caught.value.hint == HINT


@pytest.mark.parametrize("link", ["itself", "part", "deep", "around", "file"])
def test_links_that_lead_out_are_refused_unless_allowed(
    link: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, name = (tmp_path / "secret").resolve(), "channel"
    if link == "itself":
        name = "linked"
        (root / name).symlink_to(secret)
    elif link == "part":
        (root / "channel/linux-64").symlink_to("../../secret")
    elif link == "deep":
        (root / "channel/noarch/deep").mkdir()
        (root / "channel/noarch/deep/er").symlink_to(secret)
    elif link == "around":
        (root / "channel/linux-64").symlink_to("../other")
        (root / "other").mkdir()
        (root / "other/more").symlink_to(secret)
        (root / "other/back").symlink_to("../channel")
    else:
        secret = secret / "noarch/repodata.json"
        (root / "channel/noarch/repodata.json").symlink_to(secret)
    assert found(channel(name)) == []
    assert found(channel(name), root) == [
        f"`channels.a.url` leads to `{_short(secret)}`, outside the repository"
    ]
    monkeypatch.setenv(VARIABLE, str(tmp_path / "secret"))
    assert found(channel(name), root) == []


def test_links_inside_and_in_circles_are_no_way_out(root: Path) -> None:
    (root / "channel/linux-64").symlink_to("noarch")
    (root / "channel/noarch/up").symlink_to("..")
    (root / "channel/self").symlink_to("self")
    (root / "channel/gone").symlink_to("nothing")
    assert found(channel("channel"), root) == []
    assert found(channel("missing"), root) == []


def _short(path: Path) -> str:
    text = str(path)
    return text[:60] + "…" if len(text) > 60 else text
