"""Maintainer scripts are judged by their text."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcatalog.lock.debian.policy import BASE_PACKAGES
from envcatalog.lock.debian.scripts import check_scripts, need_of, treatment
from envcatalog.lock.debian.shell import COMPUTED, WRITES, commands_of
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Artefact, Deb
from envcatalog.model.seams import Silent
from support.debs import make_deb


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("", set()),
        ("#!/bin/sh\n# update-alternatives\nset -e # adduser\n", {"set"}),
        ("if [ -x /usr/bin/x ]; then /usr/bin/x y; fi", {"[", "x"}),
        ("a && b || ! c; d & e | f", {"a", "b", "c", "d", "e", "f"}),
        ("A=1 B=$(inner x) outer", {"inner", "outer"}),
        ("echo 'a; b $(c)' \"d; e\"", {"echo"}),
        ('echo "$(inner "$(deep x)")" `old`', {"echo", "inner", "deep", "old"}),
        ('x="${A:-$(hidden)}"', {"hidden"}),
        ("echo $((1 + (2 * 3))); next", {"echo", "next"}),
        (
            'case "$1" in\n configure|abort-*) run ;;\n (x) ;; *)\n other a;; esac\nlast',
            {"run", "other", "last"},
        ),
        ('y=$(case "$1" in a) inner;; esac) tail', {"inner", "tail"}),
        ("helper() {\n adduser x\n}\nhelper", {"adduser"}),
        ("helper ()\n{ one; }\nhelper a", {"one"}),
        ("cat <<EOF\nadduser x\nEOF\nafter", {"cat", "after"}),
        ("cat <<-'END' | next\n\tadduser\n\tEND\nafter", {"cat", "next", "after"}),
        ("echo x > /etc/file", {"echo", WRITES}),
        ("echo x >/dev/null 2>&1 </etc/passwd; a 2> /dev/null", {"echo", "a"}),
        ("$TOOL x; \"$OTHER\" y; ${A}b; 'q'", {COMPUTED}),
        ("eval x; sh -c 'y'", {"eval", "sh"}),
        ("for f in a b; do use $f; done; while read x; do y; done", {"use", "read", "y"}),
        ("a \\\n  b \\\n  c\nd", {"a", "d"}),
        ("(sub; { block; })", {"sub", "block"}),
        ("exec tool", {"exec"}),
        ("echo 'never closed; adduser", {"echo"}),
        ('echo "$(never closed', {"echo", "never"}),
    ],
)
def test_commands_of_a_script(script: str, commands: set[str]) -> None:
    assert commands_of(script) == commands


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('#!/bin/sh\nset -e\nif [ "$1" = configure ]; then\n  ldconfig\nfi\n', None),
        ("#!/bin/sh\nif which py3compile >/dev/null 2>&1; then\n\tpy3compile -p x\nfi\n", None),
        ('#! /bin/bash\ndpkg-maintscript-helper rm_conffile /etc/x 1 -- "$@"\n', None),
        ("#!/bin/sh -e\ndeb-systemd-helper enable x || true\n", None),
        (
            "#!/bin/sh\nupdate-alternatives --install /usr/bin/x x /usr/bin/y 1\nmkdir /x\n",
            "its postinst sets alternatives with `update-alternatives`",
        ),
        ("#!/bin/sh\nadduser --system x\n", "its postinst creates users with `adduser`"),
        ("#!/bin/sh\nuseradd x\n", "its postinst creates users with `useradd`"),
        ("#!/bin/sh\ninstall-info x\n", "its postinst indexes manuals with `install-info`"),
        ("#!/bin/sh\n. /usr/share/debconf/confmodule\n", "its postinst goes on in another script"),
        ("#!/bin/sh\n$x\n", "its postinst calls commands that its text does not name"),
        ("#!/bin/sh\necho x > /etc/x\n", "its postinst writes files"),
        ("#!/bin/sh\nfc-cache\n", "its postinst calls `fc-cache`"),
        ("#!/usr/bin/perl\n", "its postinst is no shell script"),
        ("\x7fELF", "its postinst is no shell script"),
        ("", "its postinst is no shell script"),
    ],
)
def test_reasons(script: str, reason: str | None) -> None:
    assert need_of({"postinst": script.encode()}) == reason
    assert need_of({"postrm": script.encode(), "prerm": script.encode(), "triggers": b"interest x\n"}) is None


def test_a_preinst_counts_too() -> None:
    assert (
        need_of({"preinst": b"#!/bin/sh\ndpkg-divert x\n"})
        == "its preinst moves files of other packages with `dpkg-divert`"
    )


def test_treated_packages_have_a_reason() -> None:
    for name in BASE_PACKAGES:
        assert name in ("libgcc-s1", "libstdc++6") or treatment(name), name
    assert treatment("python3.11-minimal") == "byte code is made by the builder"
    assert treatment("less") is None


class Folder:
    """Artefacts in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prefetch(self, artefacts: tuple[Artefact, ...]) -> None:
        """All are here."""

    def path(self, artefact: Artefact) -> Path:
        return self.root / artefact.file


def made(folder: Path, name: str, script: str | None = None) -> Deb:
    path = make_deb(folder, name, scripts={"postinst": script} if script else None)
    return Deb(
        name=name, version="1.0-1", architecture="amd64", path=f"pool/{path.name}", size=1, sha256="0" * 64
    )


def test_all_packages_that_need_scripts_are_named_at_once(tmp_path: Path) -> None:
    debs = [
        made(tmp_path, "fine"),
        made(tmp_path, "libc6", "#!/bin/sh\nrestart everything\n"),
        made(tmp_path, "less", "#!/bin/sh\nupdate-alternatives --install a b c 1\n"),
        made(tmp_path, "users", "#!/bin/sh\nadduser x\n"),
    ]
    with pytest.raises(Refusal) as caught:
        check_scripts(debs, Folder(tmp_path), Silent())
    assert caught.value.message == (
        "the embedded builder runs no maintainer scripts, but these Debian packages need them: "
        "`less` (its postinst sets alternatives with `update-alternatives`), "
        "`users` (its postinst creates users with `adduser`)"
    )
    assert (
        caught.value.hint
        == "set `builder: docker`, which runs them, or use an image base that has the packages, `base: {image: ...}`"
    )
    check_scripts(debs[:2], Folder(tmp_path), Silent())


def test_a_damaged_package_is_named(tmp_path: Path) -> None:
    deb = made(tmp_path, "torn")
    (tmp_path / deb.file).write_bytes(b"torn")
    with pytest.raises(Refusal) as caught:
        check_scripts([deb], Folder(tmp_path), Silent())
    assert caught.value.message == (
        "the Debian package `torn_1.0-1_amd64.deb` is damaged: "
        "the file is not a Debian package: it is no ar archive"
    )
