"""`verify`: whether tags, commits, locks and the registry still say the same of every version.

Nothing is changed and nothing is mended. A finding names both sides: what the record says, and what is there.
Who can rewrite all of them at once (this clone, the remote, the registry) leaves nothing to compare, except
where tags are signed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from envcatalog.catalog.verify.choice import Chosen, choose
from envcatalog.git.image_record import IMAGES
from envcatalog.git.remote import default_remote, local_tags, remote_tags
from envcatalog.git.signatures import SignatureState, signatures
from envcatalog.git.suspicion import Suspicion, SuspicionKind
from envcatalog.git.tag_object import parse_tag_name
from envcatalog.git.versions import TAGS, VersionScan, scan
from envcatalog.model.errors import UserError
from envcatalog.model.problem import Severity
from envcatalog.model.result import Discrepancy, Verified
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

_TAG_CODES: Mapping[SuspicionKind, str] = {
    "lightweight": "tag-lightweight",
    "renamed": "tag-renamed",
    "missing": "tag-object-missing",
    "malformed": "tag-malformed",
    "misnamed": "tag-misnamed",
}
_UNFETCHED = "tag-unfetched"
_ABSENT = frozenset({"alias-unknown", "registry-tag-unknown"})
_SIGNATURES: Mapping[SignatureState, tuple[str, Severity, str]] = {
    "bad": ("signature-bad", "error", "has a bad signature"),
    "unknown": ("signature-unknown", "warning", "has a signature that cannot be judged here"),
    "unsigned": ("signature-missing", "warning", "is not signed"),
}


def verify_references(
    catalog: Catalog,
    references: Sequence[str] = (),
    *,
    registry: str | None = None,
    offline: bool = False,
    require_signed: bool = False,
    rebuild: Sequence[str] = (),
) -> Verified:
    """Look at these versions (``name``: all of one, none: all of all).

    Args:
        registry: also compare the images and tags there; None looks at Git alone.
        offline: do not ask the remote.
        require_signed: an unsigned or unknown signature is an error, not a warning or nothing.
        rebuild: versions to build anew, from their locked files and nothing built before.

    Raises:
        UserError: no such version, or remote or registry out of reach.
    """
    from envcatalog.catalog.verify.content import check_content

    chosen = choose(catalog, references or rebuild)
    found = _scan(catalog, chosen)
    versions = [item for item in found.versions if chosen.has(item.name, item.number)]
    remote = None if offline else default_remote(catalog.repository)
    beyond = tuple(_remote(catalog, chosen, remote)) if remote else ()
    unfetched = {item.reference for item in beyond if item.code == _UNFETCHED}
    findings = [
        *_tags(found, chosen),
        *beyond,
        *_numbers(found, chosen, unfetched),
        *_signatures(catalog, versions, require_signed),
        *check_content(catalog, versions, found.versions, chosen),
    ]
    if registry is not None:
        from envcatalog.catalog.verify.registry import check_registry

        findings += check_registry(catalog, registry, found.versions, chosen)
    if rebuild:
        from envcatalog.catalog.verify.rebuild import check_rebuild

        asked = choose(catalog, rebuild)
        findings += check_rebuild(catalog, [item for item in versions if asked.has(item.name, item.number)])
    # A tag that is only not fetched is neither deleted nor lost.
    findings = [item for item in findings if item.code not in _ABSENT or item.reference not in unfetched]
    _refuse_nothing(catalog, chosen, versions, findings)
    findings.sort(key=lambda item: (_place(item.reference), item.code, item.message))
    return Verified(verified=len(versions), findings=tuple(findings))


def _scan(catalog: Catalog, chosen: Chosen) -> VersionScan:
    if len(chosen.numbers) == 1:
        return scan(catalog.repository, *chosen.numbers)
    return scan(catalog.repository)


def _tags(found: VersionScan, chosen: Chosen) -> Iterator[Discrepancy]:
    for item in found.suspicious:
        reference = _version_of(item.where)
        if reference is None:
            if not chosen.numbers:
                yield _misnamed(item)
        elif chosen.has(*reference):
            tag = item.where.removeprefix(TAGS)
            yield Discrepancy(
                reference=f"{reference[0]}@{reference[1]}",
                code=_TAG_CODES[item.kind],
                severity="error",
                message=f"the tag `{tag}` {item.reason}",
                expected=f"an annotated tag made for `{tag}`",
                found=item.reason,
            )


def _misnamed(item: Suspicion) -> Discrepancy:
    code = _TAG_CODES["misnamed"]
    message = f"the tag looks like a version but {item.reason}"
    return Discrepancy(reference=item.where, code=code, severity="warning", message=message)


def _remote(catalog: Catalog, chosen: Chosen, remote: str) -> Iterator[Discrepancy]:
    names = frozenset(chosen.numbers) or None
    here = local_tags(catalog.repository, names)
    there = remote_tags(catalog.repository, remote, names)
    for ref in sorted(here.keys() | there.keys()):
        reference = _version_of(ref)
        if reference is None or not chosen.has(*reference) or here.get(ref) == there.get(ref):
            continue
        tag = ref.removeprefix(TAGS)
        if ref not in here:
            code, message = _UNFETCHED, f"the tag `{tag}` is on `{remote}` but not here"
        elif ref not in there:
            code = "tag-deleted"
            message = f"the tag `{tag}` is not on `{remote}`: deleted there, or never pushed"
        else:
            code, message = "tag-moved", f"the tag `{tag}` is another one on `{remote}`"
        yield Discrepancy(
            reference=f"{reference[0]}@{reference[1]}",
            code=code,
            severity="warning" if ref not in here else "error",
            message=message,
            expected=f"{there[ref]} on {remote}" if ref in there else f"{here[ref]} on {remote}",
            found=f"{here[ref]} here" if ref in here and ref in there else "nothing",
        )


def _numbers(found: VersionScan, chosen: Chosen, unfetched: Collection[str]) -> Iterator[Discrepancy]:
    """Gaps, and one plan under two numbers. A number whose tag is wrong, or not fetched, is no gap: that is said."""
    numbers: dict[str, set[int]] = defaultdict(set)
    plans: dict[tuple[str, str], Version] = {}
    for version in found.versions:
        numbers[version.name].add(version.number)
        first = plans.setdefault((version.name, version.plan), version)
        if first is not version and chosen.has(version.name, version.number):
            yield Discrepancy(
                reference=version.reference,
                code="plan-twice",
                severity="warning",
                message=f"has the same plan as `{first.reference}`",
                expected="one version for one plan",
                found=version.plan,
            )
    for where in (*(item.where for item in found.suspicious), *(TAGS + reference for reference in unfetched)):
        reference = _version_of(where)
        if reference is not None:
            numbers[reference[0]].add(reference[1])
    for name, have in numbers.items():
        if not chosen.has_all(name):
            continue
        # A joke of a tag such as `name@999999999` must not make a million findings.
        missing = [number for number in range(1, min(max(have), 2 * len(have) + 1000)) if number not in have]
        if missing:
            listed = ", ".join(map(str, missing[:10])) + (" ..." if len(missing) > 10 else "")
            yield Discrepancy(
                reference=name,
                code="number-gap",
                severity="error",
                message=f"has no version {listed}, but later ones: its tag was deleted, or a number was skipped",
                expected=f"versions 1 to {max(have)}",
                found=f"none with number {listed}",
            )


def _signatures(catalog: Catalog, versions: Sequence[Version], require_signed: bool) -> Iterator[Discrepancy]:
    judged = signatures(catalog.repository, (version.tag for version in versions))
    for version in versions:
        signature = judged[version.tag]
        if signature.state == "good" or (signature.state == "unsigned" and not require_signed):
            continue
        code, severity, text = _SIGNATURES[signature.state]
        yield Discrepancy(
            reference=version.reference,
            code=code,
            severity="error" if require_signed else severity,
            message=f"the tag {text}",
            expected="a good signature",
            found=signature.detail or signature.state,
        )


def _refuse_nothing(
    catalog: Catalog, chosen: Chosen, versions: Sequence[Version], findings: Sequence[Discrepancy]
) -> None:
    """UserError for a reference of which there is nothing anywhere: a typing error, not a good version."""
    seen = {(version.name, version.number) for version in versions}
    seen |= {place for item in findings if (place := _version_of(TAGS + item.reference)) is not None}
    for name, numbers in chosen.numbers.items():
        for number in sorted(numbers or ()):
            if (name, number) not in seen:
                raise UserError(f"`{name}` has no version {number}", f"look at `envcat log {name}`")
        if numbers is None and name not in {place[0] for place in seen} | {
            item.reference for item in findings
        }:
            catalog.content.reading(name)  # an unknown name is told the nearest one
            raise UserError(f"`{name}` has no version", "run `envcat publish` to make one")


def _version_of(ref: str) -> tuple[str, int] | None:
    """Name and number that a version's tag or an image's record stands for."""
    tag = parse_tag_name(ref.removeprefix(IMAGES).removeprefix(TAGS))
    return None if tag is None else (tag.name, tag.number)


def _place(reference: str) -> tuple[str, int]:
    return _version_of(TAGS + reference) or (reference, 0)
