"""Tags that nothing may be built upon: what `plan` and `publish` see without asking anybody but Git.

`verify` looks at every version and at the remote, too. Here it is the newest one, which gives the next number, and the
numbers themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from envcatalog.catalog.content import Content
from envcatalog.catalog.places import lock_path
from envcatalog.git.suspicion import Suspicion
from envcatalog.lock.file import load_lock, lock_digest
from envcatalog.model.errors import UserError
from envcatalog.model.plan import Action
from envcatalog.model.ranges import show_ranges, to_ranges
from envcatalog.model.version import Version


class Versions(Protocol):
    """What Git's tags say of an environment, by its name."""

    def __call__(self, name: str) -> Sequence[Version]:
        """Its versions, ascending."""

    def suspicious(self, name: str) -> Sequence[Suspicion]:
        """What stands in the place of a version and is none."""

    def again(self, name: str) -> bool:
        """Ask once more; whether there are other versions than before."""

    def lock_of(self, version: Version) -> bytes | None:
        """The lock file in the version's commit; None where there is none or where the commit is not here."""


def disorder(name: str, versions: Versions) -> Action | None:
    """A refusal where a tag in a version's place is none: the numbers may be wrong."""
    odd = versions.suspicious(name)
    if not odd:
        return None
    return _refused(name, f"tag `{odd[0].where.removeprefix('refs/tags/')}` {odd[0].reason}")


def moved(content: Content, name: str, plan: str, versions: Versions) -> Action | None:
    """A refusal where the newest version's tag stands on a commit with another lock than the one that it records.

    Args:
        plan: digest of what the content would be.
    """
    newest = versions(name)[-1:]
    data = versions.lock_of(newest[0]) if newest else None
    if data is None:
        return None
    version, path = newest[0], lock_path(name)
    # The plan follows from the lock, so where both are the same again nothing need be parsed.
    if version.plan == plan and data == content.source.read(path):
        return None
    try:
        found = lock_digest(load_lock(data, path))
    except UserError:  # `verify` says what is wrong with it
        found = ""
    if found == version.lock:
        return None
    return _refused(
        name,
        f"tag `{version.reference}` was moved: it records the lock {version.lock[:19]}, and its commit "
        f"{version.commit[:12]} holds {found[:19] or 'one that cannot be read'}",
    )


def gap(versions: Sequence[Version]) -> str:
    """A hint where numbers are missing; they may be in other clones, so it is said and refuses nothing."""
    have = {version.number for version in versions}
    # A joke of a tag such as `name@999999999` must not make a million numbers.
    missing = [
        number for number in range(1, min(max(have, default=0), 2 * len(have) + 1000)) if number not in have
    ]
    if not missing:
        return ""
    name, listed = versions[0].name, show_ranges(to_ranges(missing))
    return (
        f"there is {name}@{max(have)}, but no version {listed}: fetch its tag with `git fetch --tags`, or run "
        f"`envcat verify {name}` where it was deleted"
    )


def _refused(name: str, reason: str) -> Action:
    return Action(environment=name, action="refuse", reason=reason, hint=f"run `envcat verify {name}`")
