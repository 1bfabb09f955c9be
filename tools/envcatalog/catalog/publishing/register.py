"""`register`: definition -> lock -> commit -> version, without an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from envcatalog.catalog.building.locking import check_locks, lock_names
from envcatalog.catalog.content import Content
from envcatalog.catalog.lifecycle import warn_of_actions
from envcatalog.catalog.places import definition_path, lock_path
from envcatalog.catalog.publishing.actions import plan_actions
from envcatalog.catalog.publishing.versioning import claim_version, refuse_uncommitted, remote_in_step
from envcatalog.catalog.validating import validate
from envcatalog.git.changes import changed_paths
from envcatalog.git.write import commit
from envcatalog.model.errors import ProblemsFound, Refusal
from envcatalog.model.plan import Action
from envcatalog.model.result import Registered

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog


def register_names(
    catalog: Catalog, names: Sequence[str], *, message: str = "", lock: bool = True, archived: bool = False
) -> tuple[Registered, ...]:
    """Make what the work tree says a version, bases before children; one row for each name.

    One commit takes the definitions and locks of these environments, and of those that they inherit from, where
    they are not committed yet, and nothing else. A plan that is a version already stays that version.

    Args:
        message: of the commit and of the versions.
        lock: lock first what is stale; False refuses it instead.
        archived: register what is archived, too.

    Raises:
        ProblemsFound: a definition has problems; nothing was written.
        Refusal: a lock is stale and `lock` False, the settings are not committed, or the tags are in disorder.
        UserError: Git knows no author, the remote is out of reach, or the repository cannot be written.
    """
    problems = [item for item in validate(catalog.content, names).problems if item.severity == "error"]
    if problems:
        raise ProblemsFound(problems)
    refuse_uncommitted(catalog, ())
    remote = remote_in_step(catalog, names)
    _lock_stale(catalog, names, lock)
    head = _commit(catalog, names, message)
    content = catalog.at(head)
    versions = catalog.versions_of(names)
    actions = plan_actions(content, names, versions, catalog.at, archived=archived)
    warn_of_actions(content, actions, versions, catalog.progress)
    return tuple(_register(catalog, content, action, head, remote, message) for action in actions)


def _lock_stale(catalog: Catalog, names: Sequence[str], lock: bool) -> None:
    stale = [row.environment for row in check_locks(catalog.content, names) if row.status == "stale"]
    if not stale:
        return
    if not lock:
        listed = ", ".join(f"`{name}`" for name in stale[:5]) + (" ..." if len(stale) > 5 else "")
        raise Refusal(
            f"the lock of {listed} does not belong to its definition",
            f"run `envcat lock {' '.join(stale[:5])}`, or leave out `--no-lock`",
        )
    lock_names(catalog.content, stale, catalog.workshop)


def _commit(catalog: Catalog, names: Sequence[str], message: str) -> str:
    """The commit that holds the environments: a new one, or the current one where nothing changed."""
    chain = {item.name for name in names for item in catalog.content.chain(name)}
    ours = {path for name in chain for path in (definition_path(name), lock_path(name))}
    changed = sorted(ours & set(changed_paths(catalog.repository, "catalog")))
    if not changed:
        return catalog.repository.require_head()
    made = commit(catalog.repository, changed, message or f"Register {', '.join(names)}")
    catalog.progress.step(f"committed {', '.join(changed)} as {made[:12]}")
    return made


def _register(
    catalog: Catalog, content: Content, action: Action, head: str, remote: str | None, message: str
) -> Registered:
    name = action.environment
    if action.action == "refuse":
        hint = f" ({action.hint})" if action.hint else ""
        catalog.progress.step(f"refused {name}: {action.reason}{hint}")
        return Registered(environment=name, version=None, status="refused", reason=action.reason)
    before = {version.number for version in catalog.versions(name)}
    version = claim_version(catalog, content, name, commit=head, remote=remote, message=message)
    new = version.number not in before and version.commit == head
    return Registered(
        environment=name,
        version=version.number,
        commit=version.commit,
        plan=version.plan,
        status="registered" if new else "unchanged",
        reason=action.reason if new else f"is version {version.number}",
    )
