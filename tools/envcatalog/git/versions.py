"""Versions are annotated tags ``<name>@<N>``; whatever only looks like one is reported and never used."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from envcatalog.git.image_record import IMAGES, parse_record
from envcatalog.git.objects import GitObject
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
_FEW = 200  # patterns on a command line, each of which Git looks up quickly


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


def scan(
    repository: CatalogRepository, name: str | None = None, *, only: Collection[str] | None = None
) -> VersionScan:
    """All versions of one environment, or of all, or of these; no tag of any other is read."""
    found = _references(repository, name, only)
    return _read(repository, found.versions, found.misnamed, found.images)


def versions(repository: CatalogRepository, name: str | None = None) -> tuple[Version, ...]:
    """All versions of one environment, or of all, by name and number."""
    return scan(repository, name).versions


def latest(repository: CatalogRepository, name: str) -> Version | None:
    """The version with the highest number; None where there is none."""
    return latest_of_each(repository, name).get(name)


def latest_of_each(repository: CatalogRepository, name: str | None = None) -> dict[str, Version]:
    """The version with the highest number of each environment; reads no other tag objects."""
    references = _references(repository, name)
    waiting: dict[str, list[TagReference]] = {}
    for reference in references.versions:
        waiting.setdefault(reference.tag.name, []).append(reference)
    found: dict[str, Version] = {}
    while waiting:
        tops = [of_one.pop() for of_one in waiting.values()]
        found |= {
            version.name: version for version in _read(repository, tops, (), references.images).versions
        }
        waiting = {name: rest for name, rest in waiting.items() if rest and name not in found}
    return dict(sorted(found.items()))


def read_version(repository: CatalogRepository, tag: TagName, object_id: str) -> Version | Suspicion:
    """The version that one tag object records."""
    scanned = _read(repository, [TagReference(tag=tag, id=object_id)], (), {})
    return scanned.versions[0] if scanned.versions else scanned.suspicious[0]


def tag_ids(repository: CatalogRepository, name: str | None = None) -> dict[str, str]:
    """Full reference name to object id for all tags in the place of a version, good or not."""
    return {reference.ref: reference.id for reference in _references(repository, name).versions}


def has_tags(repository: CatalogRepository) -> bool:
    """Whether there is any tag in the place of a version, good or not."""
    return bool(repository.processes.output("for-each-ref", "--count=1", "--format=x", f"{TAGS}*@*"))


def image_ids(repository: CatalogRepository, name: str | None = None) -> dict[str, str]:
    """``name@N`` to object id of what stands in the place of an image's record (`image_record`), good or not."""
    return dict(_references(repository, name).images)


@dataclass(frozen=True, slots=True, kw_only=True)
class _References:
    """References by name and number, those whose names are no canonical version, and ``name@N`` to image record."""

    versions: tuple[TagReference, ...] = ()
    misnamed: tuple[Suspicion, ...] = ()
    images: Mapping[str, str]


def merged_versions(repository: CatalogRepository, name: str, commit: str) -> frozenset[int]:
    """Numbers of the versions whose commits are, or came before, this one (a full id)."""
    pattern = f"{TAGS}{name}@*"
    out = repository.processes.output("for-each-ref", "--format=%(refname)", f"--merged={commit}", pattern)
    names = (parse_tag_name(line.removeprefix(TAGS)) for line in out.decode(errors="replace").splitlines())
    return frozenset(tag.number for tag in names if tag is not None and tag.name == name)


def _references(
    repository: CatalogRepository, name: str | None, only: Collection[str] | None = None
) -> _References:
    """No object is read."""
    if name is not None and not is_name(name):
        return _References(images={})
    wanted = [name or "*"] if only is None or len(only) > _FEW else [one for one in only if is_name(one)]
    if not wanted:
        return _References(images={})
    patterns = [f"{place}{one}@*" for one in wanted for place in (TAGS, IMAGES)]
    out = repository.processes.output("for-each-ref", "--format=%(objectname) %(refname)", *patterns)
    found, misnamed, images = [], [], {}
    for line in out.decode(errors="surrogateescape").split("\n")[:-1]:
        object_id, ref = line.split(" ", 1)
        if only is not None and ref.rpartition("/")[2].rpartition("@")[0] not in only:
            continue
        if ref.startswith(IMAGES):
            images[ref.removeprefix(IMAGES)] = object_id
            continue
        tag = parse_tag_name(ref.removeprefix(TAGS))
        if tag is not None:
            found.append(TagReference(tag=tag, id=object_id))
        elif looks_like_version(ref):
            misnamed.append(Suspicion(where=ref, reason="is not a valid name and number", kind="misnamed"))
    found.sort(key=lambda item: (item.tag.name, item.tag.number))
    return _References(versions=tuple(found), misnamed=tuple(misnamed), images=images)


def _read(
    repository: CatalogRepository,
    references: Iterable[TagReference],
    misnamed: Iterable[Suspicion],
    images: Mapping[str, str],
) -> VersionScan:
    references = list(references)
    suspicious = list(misnamed)
    found = []
    objects = repository.objects.read_many(
        (item.id for item in references), limit=TAG_LIMIT, missing_too=True
    )
    for reference, item in zip(references, objects, strict=True):
        try:
            found.append(parse_tag(_tag_data(item), reference.tag, item.id))
        except NotAVersion as reason:
            suspicious.append(Suspicion(where=reference.ref, reason=str(reason), kind=reason.kind))
    complete = _with_images(repository, found, images, suspicious)
    suspicious.sort(key=lambda item: item.where)
    return VersionScan(versions=complete, suspicious=tuple(suspicious))


def _with_images(
    repository: CatalogRepository,
    found: list[Version],
    images: Mapping[str, str],
    suspicious: list[Suspicion],
) -> tuple[Version, ...]:
    """The versions, those without an image completed by the record of the image that was built later."""
    lacking = [version for version in found if not version.image and version.reference in images]
    if not lacking:
        return tuple(found)
    wanted = [images[version.reference] for version in lacking]
    records = {}
    for version, item in zip(
        lacking, repository.objects.read_many(wanted, limit=TAG_LIMIT, missing_too=True), strict=True
    ):
        try:
            records[version.reference] = parse_record(_tag_data(item), version)
        except NotAVersion as reason:
            ref = IMAGES + version.reference
            suspicious.append(Suspicion(where=ref, reason=str(reason), kind=reason.kind))
    return tuple(
        replace(version, image=record.image, checks=record.checks)
        if (record := records.get(version.reference))
        else version
        for version in found
    )


def _tag_data(item: GitObject) -> bytes:
    if item.kind == "missing":
        raise NotAVersion("names an object that is missing", "missing")
    if item.kind != "tag":
        raise NotAVersion(f"is a lightweight tag of a {item.kind}", "lightweight")
    if item.size > TAG_LIMIT:
        raise NotAVersion(f"is larger than {TAG_LIMIT // 1024} KiB")
    return item.data
