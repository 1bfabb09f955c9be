"""From a channel's name to its address: settings, the machine's configuration, the library's default."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcatalog.lock.conda.channels import (
    channel_addresses,
    channel_url,
    package_addresses,
    rooted,
    without_secrets,
)
from envcatalog.lock.conda.condarc import machine_configuration
from envcatalog.model.errors import UserError
from envcatalog.model.lock import CondaPackage
from envcatalog.model.settings import CondaChannel, PackageIndex, Settings


def settings(**channels: str) -> Settings:
    return Settings(channels=tuple(CondaChannel(name=name, url=url) for name, url in channels.items()))


def configured(monkeypatch: pytest.MonkeyPatch, path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    monkeypatch.setenv("CONDARC", str(path))


def test_the_settings_come_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configured(monkeypatch, tmp_path / "rc", "channel_alias: https://conda.example.com\n")
    assert channel_url("a", settings(a="https://a.example.com/x/"), None) == "https://a.example.com/x"
    assert channel_url("b", settings(a="https://a.example.com/x/"), None) == "https://conda.example.com/b"


def test_a_folder_is_below_the_root(tmp_path: Path) -> None:
    assert channel_url("a", settings(a="made/here"), tmp_path) == (tmp_path / "made/here").as_uri()
    assert channel_url("a", settings(a="file:///srv/channel"), tmp_path) == "file:///srv/channel"
    absolute = rooted(
        Settings(
            indexes=(PackageIndex(name="i", url="wheels", packages=("a",)),),
            channels=(
                CondaChannel(name="a", url="made"),
                CondaChannel(name="b", url="https://b.example.com"),
            ),
        ),
        tmp_path,
    )
    assert [item.url for item in absolute.indexes] == [str(tmp_path / "wheels")]
    assert [item.url for item in absolute.channels] == [str(tmp_path / "made"), "https://b.example.com"]


def test_the_default_is_the_library_s() -> None:
    import rattler

    assert f"{channel_url('some-channel', Settings(), None)}/" == rattler.Channel("some-channel").base_url


def test_defaults_stands_for_what_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        channel_url("defaults", Settings(), None)
    assert error.value.message == (
        "the conda channel `defaults` stands for several, and nothing says for which"
    )
    configured(
        monkeypatch,
        tmp_path / "rc",
        "channel_alias: https://conda.example.com/\n"
        "custom_channels: {pkgs/r: https://mirror.example.com}\n"
        "default_channels: [main, pkgs/r, https://x.example.com/main/]\n",
    )
    package = CondaPackage(
        name="a", version="1", build="0", channel="defaults", subdir="noarch", file="a-1-0.conda",
        size=1, sha256="0" * 64,
    )  # fmt: skip
    assert package_addresses(package, Settings()) == (
        "https://conda.example.com/main/noarch/a-1-0.conda",
        "https://mirror.example.com/pkgs/r/noarch/a-1-0.conda",
        "https://x.example.com/main/noarch/a-1-0.conda",
    )


def test_a_later_file_wins_and_mappings_are_merged(tmp_path: Path) -> None:
    home, special = tmp_path / "home", tmp_path / "special"
    (home / ".config" / "conda" / "condarc.d").mkdir(parents=True)
    (home / ".config" / "conda" / ".condarc").write_text(
        "channel_alias: https://one.example.com\ncustom_channels: {a: https://a1.example.com, b: https://b.example.com}\n"
        "remote_read_timeout_secs: 60.0\nssl_verify: yes\n"
    )
    (home / ".config" / "conda" / "condarc.d" / "z.yml").write_text(
        "custom_channels: {a: https://a2.example.com}\n"
    )
    (home / ".config" / "conda" / "condarc.d" / "ignored.txt").write_text(
        "channel_alias: https://no.example.com\n"
    )
    (home / ".condarc").write_text("channel_alias: https://two.example.com/${NOT_SET}/$PART\n")
    special.write_text("channel_alias: [no, text]\ncustom_multichannels: {all: [x, a]}\n")
    found = machine_configuration({"HOME": str(home), "CONDARC": str(special), "PART": "p"})
    assert found.addresses("c") == ("https://two.example.com/${NOT_SET}/p/c",)
    assert found.addresses("a") == ("https://a2.example.com/a",)
    assert found.addresses("b") == ("https://b.example.com/b",)
    assert found.addresses("all") == ("https://two.example.com/${NOT_SET}/p/x", "https://a2.example.com/a")
    with_variable = machine_configuration(
        {"HOME": str(home), "CONDA_CHANNEL_ALIAS": "https://three.example.com"}
    )
    assert with_variable.addresses("c") == ("https://three.example.com/c",)


@pytest.mark.parametrize(
    "text", ["", "[", "a: *b\n", "- a\n", "channel_alias:\n", "custom_channels: 3\n", "\x00"]
)
def test_a_broken_file_counts_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / ".condarc").write_text(text)
    assert machine_configuration({"HOME": str(tmp_path)}).addresses("c") == ()


def test_credentials_are_for_the_channel_and_not_for_other_tools(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET", "pass")
    text = "custom_channels: {a: 'https://me:${SECRET}@conda.example.com', b: https://conda.example.com/t/to-ken}\n"
    configured(monkeypatch, tmp_path / "rc", text)
    assert channel_addresses("a", Settings()) == ("https://me:pass@conda.example.com/a",)
    assert channel_addresses("b", Settings()) == ("https://conda.example.com/t/to-ken/b",)
    assert channel_url("a", Settings(), None) == "https://conda.example.com/a"
    assert channel_url("b", Settings(), None) == "https://conda.example.com/b"


def test_nothing_secret_is_left_in_a_text() -> None:
    text = "`https://u:p@h.example.com/t/tk-1/c` and http://x.example.com/t/tk-2/d/noarch"
    assert without_secrets(text) == "`https://h.example.com/t/***/c` and http://x.example.com/t/***/d/noarch"
