"""What a registry holds against what Git records: version tags, aliases, and whether the images are whole."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from envcatalog.catalog.publishing.actions import LATEST, wanted_tags
from envcatalog.catalog.verify.choice import Chosen
from envcatalog.git.tag_object import parse_tag_name
from envcatalog.model.digest import DIGEST
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.image import KEY_PLAN
from envcatalog.model.problem import Severity
from envcatalog.model.result import Discrepancy
from envcatalog.model.seams import Repository
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def check_registry(
    catalog: Catalog, where: str, known: Sequence[Version], chosen: Chosen
) -> tuple[Discrepancy, ...]:
    """Compare each chosen version, and the moving tags of each name of which all were chosen.

    Raises:
        UserError: the registry cannot be reached.
    """
    by_name: dict[str, list[Version]] = defaultdict(list)
    for version in known:
        by_name[version.name].append(version)
    names = set(by_name) | set(chosen.numbers or catalog.content.names)
    found: list[Discrepancy] = []
    with closing(catalog.open_registry(where)) as registry:
        for name in sorted(names):
            compared = _Compared(repository=registry.repository(name), versions=by_name[name])
            for version in by_name[name]:
                if chosen.has(name, version.number):
                    found += compared.version(version)
            found += [item for item in compared.unknown(name) if _is_asked(item, chosen)]
            if chosen.has_all(name):
                found += compared.moving(name, _aliases(catalog, name), _settings_aliases(catalog))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """One repository and the versions of its environment; each blob is asked for once."""

    repository: Repository
    versions: Sequence[Version]
    seen: dict[str, bool] = field(default_factory=dict)

    def version(self, version: Version) -> Iterator[Discrepancy]:
        """The tag ``N``, the index it should name, and what that names."""
        tagged = self.repository.head(str(version.number))
        if not version.image:
            if tagged is not None:
                message = f"the registry has the tag `{version.number}`, but Git records no image"
                yield _finding(version.reference, "image-unrecorded", message, "no image", tagged)
            return
        if tagged is None:
            message = f"the registry has no tag `{version.number}`"
            yield _finding(version.reference, "registry-tag-missing", message, version.image, "nothing")
        elif tagged != version.image:
            message = f"the registry's tag `{version.number}` is another image than Git records"
            yield _finding(version.reference, "registry-tag-moved", message, version.image, tagged)
        yield from self._image(version)

    def unknown(self, name: str) -> Iterator[Discrepancy]:
        """Numbers that are tags in the registry and versions nowhere in Git."""
        numbers = {version.number for version in self.versions}
        for tag in self.repository.tags():
            parsed = parse_tag_name(f"{name}@{tag}")
            if parsed is None or parsed.number in numbers:
                continue
            message = (
                f"the registry has the tag `{tag}`, but Git has no such version: its tag was deleted or lost"
            )
            found = self.repository.head(tag) or "nothing"
            yield _finding(f"{name}@{tag}", "registry-tag-unknown", message, "a version tag in Git", found)

    def moving(
        self, name: str, aliases: Sequence[tuple[str, int]], others: Sequence[str]
    ) -> Iterator[Discrepancy]:
        """Aliases and ``latest`` that name another image than they should."""
        try:
            wanted = wanted_tags(aliases, self.versions)
        except Refusal:
            return  # an alias without its version is a finding about Git
        for tag, version in sorted(wanted.items()):
            found = self.repository.head(tag)
            if found != version.image:
                message = f"the registry's tag `{tag}` does not name version {version.number}"
                expected = f"{version.image} (version {version.number})"
                yield _finding(name, "alias-moved", message, expected, self._named(found))
        for tag in sorted(set(others) - wanted.keys() - {LATEST}):
            found = self.repository.head(tag)
            if found is not None:
                message = f"the registry has the tag `{tag}`, but the definition has no such alias"
                yield _finding(name, "alias-left", message, "no tag", self._named(found), severity="warning")

    def _named(self, digest: str | None) -> str:
        if digest is None:
            return "nothing"
        numbers = [version.number for version in self.versions if version.image == digest]
        return f"{digest} (version {numbers[0]})" if numbers else digest

    def _image(self, version: Version) -> Iterator[Discrepancy]:
        try:
            index = self.repository.manifest(version.image)
            if index is None:
                message = "the registry does not have the image that Git records"
                yield _finding(version.reference, "image-missing", message, version.image, "nothing")
                return
            document = _object(index.data)
            plan = index_plan(index.data)
            if plan != version.plan:
                message = "the image's index was made for another plan than the tag records"
                yield _finding(
                    version.reference, "image-plan", message, version.plan, str(plan or "no annotation")
                )
            missing = list(self._missing(document))
        except (UserError, AttributeError, TypeError) as error:
            message = f"the image cannot be read: {error if isinstance(error, UserError) else 'malformed'}"
            yield _finding(version.reference, "image-unreadable", message, version.image)
            return
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            message = f"the image is not whole: {len(missing)} of its manifests and blobs are missing"
            listed = ", ".join(missing[:3]) + more
            yield _finding(version.reference, "image-incomplete", message, "all of them", f"without {listed}")

    def _missing(self, index: dict[str, Any]) -> Iterator[str]:
        for entry in index.get("manifests") or ():
            digest = str(entry.get("digest"))
            manifest = self.repository.manifest(digest) if DIGEST.match(digest) else None
            if manifest is None:
                yield digest
                continue
            document = _object(manifest.data)
            for blob in (document.get("config") or {}, *(document.get("layers") or ())):
                if not self._has(str(blob.get("digest"))):
                    yield str(blob.get("digest"))

    def _has(self, digest: str) -> bool:
        if digest not in self.seen:
            self.seen[digest] = DIGEST.match(digest) is not None and self.repository.has_blob(digest)
        return self.seen[digest]


def index_plan(data: bytes) -> str | None:
    """The digest of the plan that an image's index says it was made from; None where it says none.

    Raises:
        UserError: it is no JSON object.
    """
    annotations = _object(data).get("annotations")
    plan = annotations.get(KEY_PLAN) if isinstance(annotations, dict) else None
    return str(plan) if plan else None


def _finding(
    reference: str,
    code: str,
    message: str,
    expected: str = "",
    found: str = "",
    *,
    severity: Severity = "error",
) -> Discrepancy:
    return Discrepancy(
        reference=reference, code=code, severity=severity, message=message, expected=expected, found=found
    )


def _is_asked(item: Discrepancy, chosen: Chosen) -> bool:
    tag = parse_tag_name(item.reference)
    return tag is not None and chosen.has(tag.name, tag.number)


def _aliases(catalog: Catalog, name: str) -> Sequence[tuple[str, int]]:
    """As the current commit has them, since that is what `publish` follows."""
    head = catalog.repository.head()
    content = catalog.at(head) if head else None
    if content is None or name not in content.names:
        return ()
    environment = content.reading(name).environment
    return environment.aliases if environment else ()


def _settings_aliases(catalog: Catalog) -> Sequence[str]:
    return catalog.content.settings.aliases


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UserError("it is no JSON object")
    return value
