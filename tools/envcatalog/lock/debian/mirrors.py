"""Which Debian archives are used: those of `catalog.yaml`, else those of the machine's own apt configuration.

The rule for the machine's configuration, since a machine also lists repositories of other vendors: an
entry counts when its type is ``deb``, its component ``main``, its suite is a Debian suite (by code name or by
class, with or without ``-updates`` or ``-security``), its ``Signed-By`` is a ``debian-archive`` keyring or
absent. An entry that slips through is still refused later, when its Release file is not signed by a Debian
key. The suite of the entry need not be the one that a definition asks for: only the archive's root is taken
from it, and the pattern (``{suite}``, ``{suite}-updates``, ``{suite}-security``) that this root serves.

Sources: sources.list(5) for both file formats, apt-secure(8) for Signed-By.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from envcatalog.model.errors import Refusal
from envcatalog.model.settings import DebianMirror, Settings

APT = Path("/etc/apt")
KEYRINGS = Path("/usr/share/keyrings")
_NAMES = "buster bullseye bookworm trixie forky duke sid oldoldstable oldstable stable testing unstable"
SUITES = frozenset(_NAMES.split(" "))
_SUITE = re.compile(r"([a-z]+)(-updates|-security)?\Z")
_LIST_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<url>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)"
)
_SCHEMES = ("http", "https", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class AptSource:
    """One archive root with one suite, as apt has it; `keyring` is its Signed-By or None."""

    url: str
    suite: str
    components: tuple[str, ...]
    keyring: str | None


def mirrors_of(settings: Settings) -> tuple[DebianMirror, ...]:
    """The archives to ask, in order.

    Raises:
        Refusal: neither the settings nor the machine know one.
    """
    found = settings.mirrors or machine_mirrors()
    if not any(mirror.suites for mirror in found):
        raise Refusal(
            "no Debian mirror is known",
            "name one under `debian.mirrors` in `catalog/catalog.yaml`; apt's configuration here has none",
        )
    return found


def machine_mirrors(apt: Path = APT) -> tuple[DebianMirror, ...]:
    """Debian's archives in the machine's apt configuration, in its order; empty where there are none."""
    patterns: dict[str, list[str]] = {}
    for source in _debian_sources(apt):
        match = _SUITE.match(source.suite)
        assert match is not None
        known = patterns.setdefault(source.url, [])
        pattern = "{suite}" + (match[2] or "")
        if pattern not in known:
            known.append(pattern)
    return tuple(
        DebianMirror(name=_name(url, number), url=url, suites=tuple(suites))
        for number, (url, suites) in enumerate(patterns.items(), 1)
    )


def machine_keyrings(suite: str, apt: Path = APT, keyrings: Path = KEYRINGS) -> tuple[Path, ...]:
    """Debian's keyrings here: those that apt names and the distribution's, else the suite's own files."""
    named = {source.keyring for source in _debian_sources(apt) if source.keyring}
    found = [Path(name) for name in sorted(named) if Path(name).is_file()]
    whole = [keyrings / "debian-archive-keyring.gpg", keyrings / "debian-archive-keyring.pgp"]
    found += [path for path in whole if path.is_file() and path not in found]
    if found:
        return tuple(found)
    beside = [*keyrings.glob(f"debian-archive-{suite}-*"), *(apt / "trusted.gpg.d").glob("debian-archive-*")]
    return tuple(sorted(path for path in beside if path.suffix in (".gpg", ".pgp", ".asc")))


def _debian_sources(apt: Path) -> Iterator[AptSource]:
    for source in _all_sources(apt):
        match = _SUITE.match(source.suite)
        debian_key = source.keyring is None or Path(source.keyring).name.startswith("debian-archive")
        if match and match[1] in SUITES and "main" in source.components and debian_key:
            yield source


def _all_sources(apt: Path) -> Iterator[AptSource]:
    folder = apt / "sources.list.d"
    for path in [apt / "sources.list", *sorted(folder.glob("*.list")), *sorted(folder.glob("*.sources"))]:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        yield from _deb822_sources(text) if path.suffix == ".sources" else _list_sources(text)


def _list_sources(text: str) -> Iterator[AptSource]:
    for line in text.splitlines():
        match = _LIST_LINE.match(line.partition("#")[0].strip())
        if match and urlsplit(match["url"]).scheme in _SCHEMES:
            options = dict(item.partition("=")[::2] for item in (match["options"] or "").split())
            yield AptSource(
                url=match["url"].rstrip("/"),
                suite=match["suite"],
                components=tuple(match["components"].split()),
                keyring=options.get("signed-by"),
            )


def _deb822_sources(text: str) -> Iterator[AptSource]:
    for paragraph in re.split(r"\n[ \t]*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        fields = _fields(paragraph)
        if fields.get("enabled", "yes").lower() in ("no", "false", "0", "off"):
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        for url in fields.get("uris", "").split():
            if urlsplit(url).scheme not in _SCHEMES:
                continue
            for suite in fields.get("suites", "").split():
                yield AptSource(
                    url=url.rstrip("/"),
                    suite=suite,
                    components=tuple(fields.get("components", "").split()),
                    keyring=fields.get("signed-by"),
                )


def _fields(paragraph: str) -> dict[str, str]:
    """Lower-case field names, since apt takes them in any case; continuation lines are joined by a space."""
    fields: dict[str, str] = {}
    name = ""
    for line in paragraph.splitlines():
        if line[:1] in (" ", "\t"):
            fields[name] = f"{fields.get(name, '')} {line.strip()}".strip()
            continue
        name, _, value = line.partition(":")
        name = name.strip().lower()
        fields[name] = value.strip()
    return fields


def _name(url: str, number: int) -> str:
    parts = urlsplit(url)
    return parts.path.rstrip("/").rpartition("/")[2] or f"debian-{number}"
