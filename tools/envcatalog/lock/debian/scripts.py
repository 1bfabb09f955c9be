"""Whether a package works when it is unpacked without its maintainer scripts.

The embedded builder runs none, so this is decided when a package is locked: by `TREATED`, where somebody has read the
script and knows why it can be left out, else by the commands that preinst and postinst call. Only commands
that read, that clean up after older versions, or whose work the image does otherwise are harmless
(`HARMLESS`). prerm and postrm never matter, since an image is not upgraded in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from envcatalog.formats.archives.deb import BadDeb, DebArchive
from envcatalog.lock.debian.shell import COMPUTED, WRITES, commands_of
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Deb
from envcatalog.model.seams import Artefacts, Progress

_LINKS = "its links are made by `image/alternatives.py`"

TREATED: Mapping[str, str] = {
    "base-files": "its folders and links are made by the image's root layer",
    "bash": "the alternative is a manual page",
    "ca-certificates": "the bundle is written from the package's certificates by the image's deb layer",
    "ca-certificates-java": "the key store is written from `ca-certificates` by the image's layer of system links",
    "coreutils": "the script makes a link that the package itself has since /bin is one with /usr/bin",
    "dash": "the package itself ships /bin/sh; the script moves an older one aside",
    "debianutils": _LINKS + "; the list of login shells is for logins",
    "fontconfig": "the script fills a cache, which programs do without",
    "fontconfig-config": _LINKS,
    "gawk": _LINKS,
    "git": "the script moves folders of versions before 2.0",
    "libblas3": _LINKS,
    "libc-bin": "/etc/nsswitch.conf is in the image's root layer; libraries are found without a cache",
    "libc6": "the script restarts services on upgrades; libraries are found without a cache",
    "libgcrypt20": "the script removes libraries that were left by hand",
    "libglib2.0-0*": "schemas and modules are compiled for desktop programs, and the package has none",
    "libgssapi-krb5-2": "the script places an empty example of a configuration",
    "liblapack3": _LINKS,
    "libopenblas0-*": _LINKS,
    "libpaper*": "without /etc/papersize the paper has the library's default size",
    "libpython3.*-minimal": "the script prints a comment",
    "libreadline8*": "the script undoes a diversion of older versions",
    "libselinux1": "the script removes a left-over of the move to /usr",
    "libsensors5": "the script gives up a configuration file of older versions",
    "libtirpc3t64": "the script diverts files that have moved to /usr",
    "mawk": _LINKS,
    "netbase": "/etc/hosts is the engine's, and /etc/networks means nothing in a container",
    "openjdk-*-jre-headless": _LINKS + "; preferences of the whole system and binfmt are not for a container",
    "perl": "the alternatives are for its `rename` command alone",
    "python3.*-minimal": "byte code is made by the builder",
    "r-base-core": _LINKS + "; R does without an empty site library",
    "readline-common": "the script copies a default /etc/inputrc, for keyboards",
    "tzdata": "without /etc/localtime the time is UTC, as the script's default",
    "x11-common": "the script registers a service",
    "xdg-utils": _LINKS,
}

_READERS = (
    "[ ] : test set exit true false echo printf return local shift unset export read cd umask continue break "
    "command which type trap cat grep egrep fgrep cut tr uniq cmp readlink dirname basename uname stat ls id "
    "head tail wc expr"
)
_CLEANERS = "rm rmdir dpkg-maintscript-helper dpkg dpkg-query"  # they act on what older versions left
_DONE_OTHERWISE = (  # byte code is made by the builder; services, menus and ld.so's cache have no use
    "ldconfig dpkg-trigger py3compile py3clean deb-systemd-helper deb-systemd-invoke systemctl invoke-rc.d "
    "update-rc.d update-mime update-menus"
)
HARMLESS = frozenset(f"{_READERS} {_CLEANERS} {_DONE_OTHERWISE}".split(" "))

_REASONS: Mapping[str, str] = {
    COMPUTED: "calls commands that its text does not name",
    WRITES: "writes files",
    ".": "goes on in another script",
    **dict.fromkeys(("adduser", "useradd", "usermod", "addgroup", "groupadd", "groupmod"), "creates users"),
    **dict.fromkeys(("chmod", "chown", "chgrp", "dpkg-statoverride", "setcap"), "changes owners or modes"),
    **dict.fromkeys(("cp", "mv", "ln", "mkdir", "install", "touch", "ucf", "sed"), "makes files"),
    "dpkg-divert": "moves files of other packages",
    "install-info": "indexes manuals",
    "update-alternatives": "sets alternatives",
}
# The most telling reason first; commands that are in none of both tables come last.
_ORDER = ("update-alternatives", "adduser", "useradd", "addgroup", "groupadd", "dpkg-divert", *_REASONS)
_HINT = (
    "set `builder: docker`, which runs them, or use an image base that has the packages, `base: {image: ...}`"
)


def check_scripts(debs: Sequence[Deb], artefacts: Artefacts, progress: Progress) -> None:
    """Fetch the packages and judge their scripts.

    Raises:
        Refusal: naming every package that does not work without its scripts, and why.
    """
    suspects = tuple(deb for deb in debs if treatment(deb.name) is None)
    if debs:
        progress.step(f"checking the scripts of {len(debs)} Debian package{'s' if len(debs) != 1 else ''}")
        artefacts.prefetch(tuple(debs))
    found: dict[str, str] = {}
    for deb in suspects:
        try:
            with DebArchive(artefacts.path(deb)) as archive:
                reason = need_of(archive.scripts())
        except BadDeb as error:
            raise Refusal(
                f"the Debian package `{deb.file}` is damaged: {error.message}", error.hint
            ) from None
        if reason:
            found.setdefault(deb.name, reason)
    if found:
        told = ", ".join(f"`{name}` ({reason})" for name, reason in found.items())
        raise Refusal(
            f"the embedded builder runs no maintainer scripts, but these Debian packages need them: {told}",
            _HINT,
        )


def treatment(name: str) -> str | None:
    """Why the scripts of a package can be left out, where that is known."""
    for pattern, why in TREATED.items():
        if fnmatchcase(name, pattern):
            return why
    return None


def need_of(scripts: Mapping[str, bytes]) -> str | None:
    """Why a package needs its scripts; None when it does not.

    Args:
        scripts: as `DebArchive.scripts` gives them.
    """
    for script in ("preinst", "postinst"):
        if script in scripts:
            for reason in _needs(scripts[script]):
                return f"its {script} {reason}"
    return None


def _needs(script: bytes) -> Iterator[str]:
    first, _, _ = script.partition(b"\n")
    if not _is_shell(first):
        yield "is no shell script"
        return
    unknown = commands_of(script.decode("utf-8", "replace")) - HARMLESS
    for name in _ORDER:
        if name in unknown:
            yield _REASONS[name] + (f" with `{name}`" if name not in (COMPUTED, WRITES, ".") else "")
    for name in sorted(unknown - set(_REASONS)):
        yield f"calls `{name}`"


def _is_shell(shebang: bytes) -> bool:
    words = shebang[2:].split()
    return (
        shebang.startswith(b"#!")
        and bool(words)
        and words[0].rpartition(b"/")[2] in (b"sh", b"bash", b"dash")
    )
