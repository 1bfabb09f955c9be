"""Which entries of apt's configuration are Debian's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcatalog.lock.debian import mirrors
from envcatalog.lock.debian.mirrors import machine_keyrings, machine_mirrors, mirrors_of
from envcatalog.model.errors import Refusal
from envcatalog.model.settings import DebianMirror, Settings

DEB822 = """\
# Types: deb
Types: deb deb-src
URIs: http://mirror.example.com/debian/
Suites: bookworm
 bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

types: deb
uris: http://mirror.example.com/debian-security
suites: bookworm-security
components: main

Types: deb
URIs: https://vendor.example.com/deb
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg

Types: deb
URIs: https://off.example.com/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: https://vendor.example.com/node
Suites: nodistro
Components: main

Types: deb-src
URIs: https://source.example.com/debian
Suites: bookworm
Components: main
"""
LIST = """\
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://other.example.com/debian trixie main
deb [signed-by=/usr/share/keyrings/sdk.gpg] https://sdk.example.com/apt trixie main  # another vendor's
deb https://sdk.example.com/apt cloud-sdk-bookworm main
deb https://free.example.com/debian trixie non-free
# deb https://comment.example.com/debian trixie main
deb cdrom:[Debian]/ trixie main
"""


def apt(tmp_path: Path, deb822: str = "", lines: str = "") -> Path:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(deb822)
    (tmp_path / "sources.list.d/old.sources.disabled").write_text(DEB822.replace("mirror.", "disabled."))
    (tmp_path / "sources.list").write_text(lines)
    return tmp_path


def test_only_debians_own_archives_are_taken(tmp_path: Path) -> None:
    assert machine_mirrors(apt(tmp_path, DEB822, LIST)) == (
        DebianMirror(name="debian", url="https://other.example.com/debian", suites=("{suite}",)),
        DebianMirror(
            name="debian", url="http://mirror.example.com/debian", suites=("{suite}", "{suite}-updates")
        ),
        DebianMirror(
            name="debian-security",
            url="http://mirror.example.com/debian-security",
            suites=("{suite}-security",),
        ),
    )


def test_a_machine_without_apt_has_none(tmp_path: Path) -> None:
    assert machine_mirrors(tmp_path / "none") == ()


def test_settings_come_before_the_machine() -> None:
    own = DebianMirror(name="own", url="https://own.example.com", suites=("{suite}",))
    assert mirrors_of(Settings(mirrors=(own,))) == (own,)


def test_no_mirror_is_a_refusal_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "machine_mirrors", lambda: ())
    with pytest.raises(Refusal) as caught:
        mirrors_of(Settings())
    assert caught.value.message == "no Debian mirror is known"
    hint = "name one under `debian.mirrors` in `catalog/catalog.yaml`; apt's configuration here has none"
    assert caught.value.hint == hint


def test_an_archive_of_old_files_alone_is_no_mirror() -> None:
    old = DebianMirror(name="snapshot", url="https://old.example.com")
    with pytest.raises(Refusal, match="no Debian mirror is known"):
        mirrors_of(Settings(mirrors=(old,)))


def test_keyrings_that_apt_names_then_the_suites_own(tmp_path: Path) -> None:
    keyrings = tmp_path / "keyrings"
    keyrings.mkdir()
    named = tmp_path / "debian-archive-named.gpg"
    named.write_bytes(b"")
    (keyrings / "debian-archive-trixie-stable.gpg").write_bytes(b"")
    (keyrings / "debian-archive-bookworm-stable.gpg").write_bytes(b"")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert machine_keyrings("trixie", empty, keyrings) == (keyrings / "debian-archive-trixie-stable.gpg",)
    (keyrings / "debian-archive-keyring.gpg").write_bytes(b"")
    assert machine_keyrings("trixie", empty, keyrings) == (keyrings / "debian-archive-keyring.gpg",)
    folder = tmp_path / "apt"
    folder.mkdir()
    entry = f"Types: deb\nURIs: http://m.example.com\nSuites: sid\nComponents: main\nSigned-By: {named}\n"
    assert machine_keyrings("trixie", apt(folder, entry), keyrings) == (
        named,
        keyrings / "debian-archive-keyring.gpg",
    )
