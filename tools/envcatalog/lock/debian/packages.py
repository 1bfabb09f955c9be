"""Packages indexes: reduced to the fields that are needed, and paragraphs parsed only when they are visited.

An index of `main` has 64,000 paragraphs in 50 MB and a closure visits about 40 of them, so nothing is parsed
in advance but the names. Sources: deb-control(5) for the fields, Debian Policy 7 for relations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from envcatalog.lock.debian.version import satisfies, version_key
from envcatalog.model.errors import Refusal
from envcatalog.model.lock import Deb

FIELDS = (
    b"Package: ",
    b"Version: ",
    b"Architecture: ",
    b"Provides: ",
    b"Pre-Depends: ",
    b"Depends: ",
    b"Conflicts: ",
    b"Breaks: ",
    b"Filename: ",
    b"Size: ",
    b"SHA256: ",
    b"Installed-Size: ",
)

_BLOCK = 4 << 20
_NAME_OR_PROVIDES = re.compile(rb"^(?:Package: (\S+)|Provides: (.+))$", re.MULTILINE)
_RELATION = re.compile(
    r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9+.\-]*)(?::(?P<arch>[a-z0-9\-]+))?"
    r"\s*(?:\(\s*(?P<relation><<|<=|=|>=|>>|<|>)\s*(?P<version>[A-Za-z0-9][^\s)]*)\s*\))?\s*\Z"
)
_PATH = re.compile(r"(?!\.{0,2}/)(?!.*/\.{1,2}/)[A-Za-z0-9][A-Za-z0-9+._~/%\-]*\.deb\Z")
_NUMBER = re.compile(r"[0-9]{1,12}\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Relation:
    """``name (relation version)``; `relation` is empty where any version will do."""

    name: str
    relation: str = ""
    version: str = ""

    def allows(self, version: str) -> bool:
        """Whether this version of the package satisfies it."""
        return not self.relation or satisfies(version, self.relation, self.version)

    def __str__(self) -> str:
        return f"{self.name} ({self.relation} {self.version})" if self.relation else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One paragraph.

    Attributes:
        depends: Pre-Depends, then Depends: groups of alternatives, in order.
        conflicts: Conflicts and Breaks.
        provides: name, and the version it is provided in or an empty string.
        installed_size: the field, in KiB; empty where it is missing.
    """

    deb: Deb
    depends: tuple[tuple[Relation, ...], ...]
    conflicts: tuple[Relation, ...]
    provides: tuple[tuple[str, str], ...]
    installed_size: str = ""


def reduce_index(stream: BinaryIO) -> Iterator[bytes]:
    """Only the lines of `FIELDS`, paragraphs still apart by an empty line, folded lines unfolded.

    In blocks, since a whole index of `main` split into lines takes 200 MB.
    """
    rest = b""
    while block := stream.read(_BLOCK):
        paragraphs, end, rest = (rest + block).rpartition(b"\n\n")
        yield _reduce(paragraphs + end)
    yield _reduce(rest)


def _reduce(text: bytes) -> bytes:
    lines = text.replace(b"\n ", b" ").replace(b"\n\t", b" ").split(b"\n")
    return b"\n".join([line for line in lines if not line or line.startswith(FIELDS)])


class PackageIndex:
    """The reduced indexes of all sources for one architecture.

    Args:
        texts: reduced indexes (`reduce_index`).
        architecture: Debian's name, ``amd64``.
        label: for messages: ``bookworm for amd64``.
    """

    def __init__(self, texts: Sequence[bytes], *, architecture: str, label: str) -> None:
        self.architecture = architecture
        self.label = label
        self._texts = tuple(texts)
        self._places: dict[str, list[tuple[int, int]]] = {}
        self._providers: dict[str, set[str]] = {}
        self._parsed: dict[str, tuple[Package, ...]] = {}
        for number, text in enumerate(texts):
            self._scan(number, text)

    def names(self) -> tuple[str, ...]:
        """All package names, unsorted."""
        return tuple(self._places)

    def versions(self, name: str) -> tuple[Package, ...]:
        """All that the sources have of this name, highest version first; empty for an unknown one.

        Raises:
            Refusal: the index is damaged there.
        """
        if name not in self._parsed:
            found: dict[str, Package] = {}
            for number, start in self._places.get(name, ()):
                package = self._parse(number, start)
                if package.deb.architecture in (self.architecture, "all"):
                    found.setdefault(package.deb.version, package)
            newest_first = sorted(found.values(), key=lambda p: version_key(p.deb.version), reverse=True)
            self._parsed[name] = tuple(newest_first)
        return self._parsed[name]

    def providers(self, name: str) -> tuple[str, ...]:
        """Names of the packages that provide this name, sorted."""
        return tuple(sorted(self._providers.get(name, ())))

    def _scan(self, number: int, text: bytes) -> None:
        current = ""
        for match in _NAME_OR_PROVIDES.finditer(text):
            name, provides = match.groups()
            if name is not None:
                current = name.decode("ascii", "replace")
                self._places.setdefault(current, []).append((number, match.start()))
                continue
            for item in provides.decode("ascii", "replace").split(","):
                provided = item.split("(", 1)[0].strip().partition(":")[0]
                self._providers.setdefault(provided, set()).add(current)

    def _parse(self, number: int, start: int) -> Package:
        text = self._texts[number]
        end = text.find(b"\n\n", start)
        paragraph = text[start : end if end >= 0 else len(text)].decode("utf-8", "replace")
        fields = dict(line.split(": ", 1) for line in paragraph.split("\n") if ": " in line)
        try:
            return self._package(fields)
        except (KeyError, ValueError) as error:
            name = fields.get("Package", "?")
            raise Refusal(
                f"the index of {self.label} has a damaged paragraph for `{name}`: {error}"
            ) from None

    def _package(self, fields: dict[str, str]) -> Package:
        deb = Deb(
            name=fields["Package"],
            version=fields["Version"].strip(),
            architecture=fields["Architecture"].strip(),
            path=_checked(_PATH, fields["Filename"].strip().removeprefix("./")),
            size=int(_checked(_NUMBER, fields["Size"].strip())),
            sha256=_checked(_HEX, fields["SHA256"].strip()),
        )
        groups = [
            self._alternatives(group)
            for field in ("Pre-Depends", "Depends")
            for group in fields.get(field, "").split(",")
            if group.strip()
        ]
        refused = [
            relation
            for field in ("Conflicts", "Breaks")
            for item in fields.get(field, "").split(",")
            if item.strip()
            for relation in self._alternatives(item)
        ]
        provided = [
            self._alternatives(item) for item in fields.get("Provides", "").split(",") if item.strip()
        ]
        return Package(
            deb=deb,
            depends=tuple(groups),
            conflicts=tuple(refused),
            provides=tuple((group[0].name, group[0].version) for group in provided if group),
            installed_size=fields.get("Installed-Size", ""),
        )

    def _alternatives(self, group: str) -> tuple[Relation, ...]:
        """``a (>= 1) | b:any``; an alternative for another architecture is left out.

        ``:any`` and the index's own architecture are the same here, since an image has one architecture.
        """
        found = []
        for item in group.split("|"):
            match = _RELATION.match(item)
            if match is None:
                raise ValueError(f"malformed relation `{item.strip()}`")
            if match["arch"] not in (None, "any", "native", self.architecture):
                continue
            # `<` and `>` are the deprecated spellings of `<=` and `>=` (Policy 7.1).
            relation = {"<": "<=", ">": ">="}.get(match["relation"] or "", match["relation"] or "")
            found.append(Relation(match["name"], relation, match["version"] or ""))
        return tuple(found)


def _checked(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.match(text):
        raise ValueError(f"malformed value `{text[:100]}`")
    return text
