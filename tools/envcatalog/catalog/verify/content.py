"""What a version's tag records against what its commit holds, and the aliases against the versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from envcatalog.catalog.content import Content
from envcatalog.catalog.verify.choice import Chosen
from envcatalog.definition.canonical import definition_digest
from envcatalog.git.source import Revision
from envcatalog.lock.file import lock_digest
from envcatalog.model.errors import UserError
from envcatalog.model.result import Discrepancy
from envcatalog.model.version import Version

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


_COMMIT = 1024 * 1024  # bytes; a larger one is cut, and only its kind counts


def check_content(
    catalog: Catalog, versions: Sequence[Version], known: Sequence[Version], chosen: Chosen
) -> Iterator[Discrepancy]:
    """Lock, definition and plan of each version at its commit; aliases that name no version."""
    by_commit: dict[str, list[Version]] = defaultdict(list)
    for version in versions:
        by_commit[version.commit].append(version)
    objects = catalog.repository.objects.read_many(list(by_commit), limit=_COMMIT, missing_too=True)
    kinds = {item.id: item.kind for item in objects}
    for commit, tagged in by_commit.items():
        content = Content(Revision(catalog.repository, commit)) if kinds[commit] == "commit" else None
        for version in tagged:
            if content is None:
                yield _no_commit(catalog, version)
            else:
                yield from _check(content, version)
    yield from _aliases(catalog, known, chosen)


def _no_commit(catalog: Catalog, version: Version) -> Discrepancy:
    shallow = catalog.repository.is_shallow
    hint = ": this clone is shallow, run `git fetch --unshallow`" if shallow else ""
    return Discrepancy(
        reference=version.reference,
        code="commit-missing",
        severity="error",
        message=f"its commit is not in this repository{hint}",
        expected=version.commit,
        found="nothing",
    )


def error_of(version: Version, code: str, message: str, expected: str = "", found: str = "") -> Discrepancy:
    """What is wrong with a version, as an error."""
    return Discrepancy(
        reference=version.reference,
        code=code,
        severity="error",
        message=message,
        expected=expected,
        found=found,
    )


def _check(content: Content, version: Version) -> Iterator[Discrepancy]:
    finding = partial(error_of, version)
    name, short = version.name, version.commit[:12]
    try:
        lock = content.lock(name)
        if lock is None:
            yield finding("lock-missing", f"commit `{short}` holds no lock of it", version.lock, "nothing")
            return
        if lock_digest(lock) != version.lock:
            message = f"the tag records another lock than commit `{short}` holds"
            yield finding("lock-edited", message, f"{version.lock} in the tag", f"{lock_digest(lock)} there")
        wanted = definition_digest(content.environment(name))
        if lock.definition != wanted:
            message = f"the lock in commit `{short}` was made from another definition than stands beside it"
            yield finding(
                "definition-edited", message, f"{lock.definition} in the lock", f"{wanted} beside it"
            )
            return
        # Layer format 1 is in no trailer. Who makes a second format records it in the tag, and compares the
        # plan only where the format is the same: another one gives other plans for the same content.
        plan = content.plan_of(name, version.plan).digest
    except UserError as error:
        yield finding("content-unreadable", f"commit `{short}` cannot be planned: {error.message}")
        return
    if plan != version.plan:
        message = f"the tag's plan does not follow from definition and lock in commit `{short}`"
        yield finding("plan-differs", message, f"{version.plan} in the tag", f"{plan} from the commit")


def _aliases(catalog: Catalog, known: Sequence[Version], chosen: Chosen) -> Iterator[Discrepancy]:
    head = catalog.repository.head()
    if head is None:
        return
    content = catalog.at(head)
    numbers: dict[str, set[int]] = defaultdict(set)
    for version in known:
        numbers[version.name].add(version.number)
    names = numbers.keys() & set(content.names)
    for name in sorted(names & chosen.numbers.keys() if chosen.numbers else names):
        reading = content.reading(name)
        for alias, number in reading.environment.aliases if reading.environment else ():
            if number not in numbers[name] and chosen.has(name, number):
                yield Discrepancy(
                    reference=f"{name}@{number}",
                    code="alias-unknown",
                    severity="error",
                    message=f"the alias `{alias}` names a version that does not exist",
                    expected=f"version {number}",
                    found=f"versions {', '.join(map(str, sorted(numbers[name])[-10:]))}",
                )
