"""Versions are annotated tags ``<name>@<N>``; whatever only looks like one is reported and never used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from envcatalog.git.repository import CatalogRepository
from envcatalog.git.suspicion import Suspicion
from envcatalog.git.tag_object import (
    TAG_LIMIT,
    NotAVersion,
    TagName,
    looks_like_version,
    parse_tag,
    parse_tag_name,
)
from envcatalog.model.names import is_name
from envcatalog.model.version import Version

TAGS = "refs/tags/"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionScan:
    """What the tags say: versions by name and number, and what only looks like one, by reference."""

    versions: tuple[Version, ...]
    suspicious: tuple[Suspicion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagReference:
    """A reference in the place of a version, and the object it names."""

    tag: TagName
    id: str

    @property
    def ref(self) -> str:
        """Full reference name."""
        return f"{TAGS}{self.tag.name}@{self.tag.number}"


def scan(repository: CatalogRepository, name: str | None = None) -> VersionScan:
    """All versions of one environment, or of all."""
    references, suspicious = _references(repository, name)
    return _read(repository, references, suspicious)


def versions(repository: CatalogRepository, name: str | None = None) -> tuple[Version, ...]:
    """All versions of one environment, or of all, by name and number."""
    return scan(repository, name).versions


def latest(repository: CatalogRepository, name: str) -> Version | None:
    """The version with the highest number; None where there is none."""
    return latest_of_each(repository, name).get(name)


def latest_of_each(repository: CatalogRepository, name: str | None = None) -> dict[str, Version]:
    """The version with the highest number of each environment; reads no other tag objects."""
    references, _ = _references(repository, name)
    waiting: dict[str, list[TagReference]] = {}
    for reference in references:
        waiting.setdefault(reference.tag.name, []).append(reference)
    found: dict[str, Version] = {}
    while waiting:
        tops = [of_one.pop() for of_one in waiting.values()]
        found |= {version.name: version for version in _read(repository, tops, []).versions}
        waiting = {name: rest for name, rest in waiting.items() if rest and name not in found}
    return dict(sorted(found.items()))


def by_plan(repository: CatalogRepository, name: str, plan: str) -> Version | None:
    """The first version of the environment with this plan digest; None where there is none."""
    return next((version for version in versions(repository, name) if version.plan == plan), None)


def read_version(repository: CatalogRepository, tag: TagName, object_id: str) -> Version | Suspicion:
    """The version that one tag object records."""
    scanned = _read(repository, [TagReference(tag=tag, id=object_id)], [])
    return scanned.versions[0] if scanned.versions else scanned.suspicious[0]


def tag_ids(repository: CatalogRepository, name: str | None = None) -> dict[str, str]:
    """Full reference name to object id for all tags in the place of a version, good or not."""
    return {reference.ref: reference.id for reference in _references(repository, name)[0]}


def _references(
    repository: CatalogRepository, name: str | None
) -> tuple[list[TagReference], list[Suspicion]]:
    """References by name and number, and the names that are no canonical version. No object is read."""
    if name is not None and not is_name(name):
        return [], []
    pattern = f"{TAGS}{name or '*'}@*"
    out = repository.processes.output("for-each-ref", "--format=%(objectname) %(refname)", pattern)
    found, suspicious = [], []
    for line in out.decode(errors="surrogateescape").split("\n")[:-1]:
        object_id, ref = line.split(" ", 1)
        tag = parse_tag_name(ref.removeprefix(TAGS))
        if tag is not None:
            found.append(TagReference(tag=tag, id=object_id))
        elif looks_like_version(ref):
            suspicious.append(Suspicion(where=ref, reason="is not a valid name and number"))
    return sorted(found, key=lambda item: (item.tag.name, item.tag.number)), suspicious


def _read(
    repository: CatalogRepository, references: Iterable[TagReference], suspicious: list[Suspicion]
) -> VersionScan:
    references = list(references)
    found = []
    objects = repository.objects.read_many(
        (item.id for item in references), limit=TAG_LIMIT, missing_too=True
    )
    for reference, item in zip(references, objects, strict=True):
        try:
            if item.kind == "missing":
                raise NotAVersion("names an object that is missing")
            if item.kind != "tag":
                raise NotAVersion(f"is a lightweight tag of a {item.kind}")
            if item.size > TAG_LIMIT:
                raise NotAVersion(f"is larger than {TAG_LIMIT // 1024} KiB")
            found.append(parse_tag(item.data, reference.tag, item.id))
        except NotAVersion as reason:
            suspicious.append(Suspicion(where=reference.ref, reason=str(reason)))
    suspicious.sort(key=lambda item: item.where)
    return VersionScan(versions=tuple(found), suspicious=tuple(suspicious))
