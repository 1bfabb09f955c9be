"""`Catalog`: the Python SDK, and what every command calls.

with Catalog.open(Path(".")) as catalog:
    catalog.validate()
    catalog.lock(["sklearn"])
    catalog.publish(["sklearn"], registry="registry.example.com/ml")
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any, BinaryIO

from envcatalog.catalog.history.reference import worktree_names
from envcatalog.catalog.opened import OpenCatalog
from envcatalog.model.errors import UserError
from envcatalog.model.result import Edited, Listed, Locked, Published, Registered, Verified

if TYPE_CHECKING:
    from envcatalog.catalog.history.compare import Comparison
    from envcatalog.catalog.publishing.executing import Executor
    from envcatalog.catalog.running.reference import RunResult
    from envcatalog.catalog.validating import Validation
    from envcatalog.model.change import Change
    from envcatalog.model.export import Export
    from envcatalog.model.image import BuiltImage
    from envcatalog.model.imported import Imported
    from envcatalog.model.plan import Action


class Catalog(OpenCatalog):
    """One catalog on this machine.

    Every method raises UserError (a usage or tool error), Refusal (the answer is no) or ProblemsFound.
    """

    def validate(self, names: Iterable[str] = ()) -> Validation:
        """All problems of the named definitions, or of all; nothing is fetched or run.

        Args:
            names: names, or references to one commit, which is then checked instead of what is on disk.
        """
        from envcatalog.catalog.history.resolve import one_moment
        from envcatalog.catalog.policing import newest_version
        from envcatalog.catalog.validating import validate

        content, chosen = one_moment(self, tuple(names))
        return validate(content, chosen, newest=newest_version(self.repository, self.at))

    def lock(
        self, names: Iterable[str] = (), *, upgrade: bool = False, upgrade_packages: Iterable[str] = ()
    ) -> tuple[Locked, ...]:
        """Resolve the definitions and write `lock.json` beside each."""
        from envcatalog.catalog.building.locking import lock_names

        return lock_names(
            self.content,
            self._names(names),
            self.workshop,
            upgrade=upgrade,
            upgrade_packages=frozenset(upgrade_packages),
        )

    def check_locks(self, names: Iterable[str] = ()) -> tuple[Locked, ...]:
        """Which locks are stale; nothing is fetched or written."""
        from envcatalog.catalog.building.locking import check_locks

        return check_locks(self.content, self._names(names))

    def plan(
        self,
        names: Iterable[str] = (),
        *,
        registry: str | None = None,
        archived: bool = False,
        since: str | None = None,
    ) -> tuple[Action, ...]:
        """What `publish` would do, and why; Git alone is asked unless a registry is given.

        Args:
            names: names, or references to one commit, which is then planned instead of what is on disk.
            since: only of environments that differ from this commit, or inherit from one that does.
        """
        from envcatalog.catalog.history.resolve import one_moment
        from envcatalog.catalog.lifecycle import warn_of_actions
        from envcatalog.catalog.publishing.actions import plan_actions

        if since is None:
            content, chosen = one_moment(self, tuple(names))
            chosen = chosen or self.all_names()
        else:
            content, chosen = self.content, self._changed(names, since)
        known = self.versions_of(chosen)
        with closing(self.open_registry(registry)) if registry else nullcontext() as opened:
            actions = plan_actions(content, chosen, known, self.at, opened, archived=archived)
        warn_of_actions(content, actions, known, self.progress)
        return actions

    def build(
        self,
        names: Iterable[str] = (),
        *,
        registry: str | None = None,
        checks: str | None = None,
        archived: bool = False,
    ) -> tuple[BuiltImage, ...]:
        """Build images; into an OCI layout or registry by digest where one is given.

        Args:
            names: names, or references to one commit, which is then built instead of what is on disk.
        """
        from envcatalog.catalog.building.images import build_names
        from envcatalog.catalog.history.resolve import one_moment
        from envcatalog.catalog.lifecycle import without_archived

        content, chosen = one_moment(self, tuple(names))
        if not chosen:
            chosen = self.all_names() if archived else without_archived(content, self.all_names())
        return build_names(self, content, chosen, registry=registry, checks=checks, archived=archived)

    def publish(
        self,
        names: Iterable[str] = (),
        *,
        registry: str | None = None,
        checks: str = "auto",
        message: str = "",
        archived: bool = False,
        executor: Executor | None = None,
    ) -> tuple[Published, ...]:
        """Publish what the current commit says; see `publish` and `executing` in `catalog.publishing`."""
        where = registry or self._registry_of_settings()
        if where is None:
            raise UserError(
                "no registry is given",
                "use `--registry`, `ENVCAT_REGISTRY`, or `registry:` in catalog/catalog.yaml",
            )
        chosen = self._names(names)
        if executor is not None:
            from envcatalog.catalog.publishing.executing import publish_on

            return publish_on(
                self, chosen, executor, registry=where, checks=checks, message=message, archived=archived
            )
        from envcatalog.catalog.publishing.publish import publish_names

        return publish_names(self, chosen, registry=where, checks=checks, message=message, archived=archived)

    def register(
        self, names: Iterable[str], *, message: str = "", lock: bool = True, archived: bool = False
    ) -> tuple[Registered, ...]:
        """Lock, commit and make versions without images; see `catalog.publishing.register`."""
        from envcatalog.catalog.publishing.register import register_names

        return register_names(self, self._names(names), message=message, lock=lock, archived=archived)

    def verify(
        self,
        references: Iterable[str] = (),
        *,
        registry: str | None = None,
        offline: bool = False,
        require_signed: bool = False,
        rebuild: Iterable[str] = (),
    ) -> Verified:
        """Whether versions are still what they were; see `catalog.verify.verifying`."""
        from envcatalog.catalog.verify.verifying import verify_references

        return verify_references(
            self,
            tuple(references),
            registry=registry,
            offline=offline,
            require_signed=require_signed,
            rebuild=tuple(rebuild),
        )

    def export(
        self,
        reference: str,
        to: str,
        *,
        platform: str | None = None,
        registry: str | None = None,
        with_index: bool = False,
        archived: bool = False,
    ) -> Export:
        """An environment as a file of another tool; see `catalog.doors.exporting`."""
        from envcatalog.catalog.doors.exporting import export

        where = registry or self._registry_of_settings()
        return export(
            self, reference, to, platform=platform, registry=where, with_index=with_index, archived=archived
        )

    def run(
        self,
        reference: str,
        command: Iterable[str] = (),
        *,
        stdin: int | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        **options: Any,
    ) -> RunResult:
        """Run a command in an environment; `options` are those of `catalog.running.reference.RunOptions`."""
        from envcatalog.catalog.running.reference import RunOptions, run_reference
        from envcatalog.run.attach import Streams, binary

        streams = Streams(
            stdin=stdin, stdout=stdout or binary(sys.stdout), stderr=stderr or binary(sys.stderr)
        )
        return run_reference(self, reference, tuple(command), RunOptions(**options), streams)

    def import_environment(
        self,
        name: str,
        source: str,
        *,
        kind: str | None = None,
        strict: bool = False,
        context: str | None = None,
        **wanted: Any,
    ) -> Imported:
        """Add an environment made of another tool's file; `wanted` is what `model.draft.Wanted` has."""
        from envcatalog.catalog.doors.importing import import_environment
        from envcatalog.model.draft import Wanted

        asked = Wanted(name=name, **wanted)
        return import_environment(self, source, asked, kind=kind, strict=strict, context=context)

    def list(self) -> tuple[Listed, ...]:
        """One row for each environment of the work tree, archived ones included."""
        from envcatalog.catalog.listing import list_environments

        return list_environments(self)

    def promote(self, reference: str, alias: str, *, archived: bool = False) -> Edited:
        """Let an alias name a version, in the file of the work tree; see `catalog.editing` for its relatives."""
        from envcatalog.catalog.editing import promote

        return promote(self, reference, alias, archived=archived)

    def deprecate(self, name: str, *, reason: str, **more: str | None) -> Edited:
        """Say that versions should no longer be used; `more` is `versions`, `replacement` and `until`."""
        from envcatalog.catalog.editing import deprecate

        return deprecate(self, name, reason=reason, **more)

    def archive(self, name: str) -> Edited:
        """Keep an environment and publish it no more."""
        from envcatalog.catalog.editing import archive

        return archive(self, name)

    def restore(self, name: str) -> Edited:
        """Bring an archived environment back."""
        from envcatalog.catalog.editing import restore

        return restore(self, name)

    def diff(self, before: str, after: str | None = None) -> tuple[Change, ...]:
        """What differs; with one reference, what the work tree changed since the newest version (or HEAD)."""
        return self.compare(before, after).changes

    def compare(self, before: str, after: str | None = None) -> Comparison:
        """The same with sizes; inherited packages are included."""
        from envcatalog.catalog.history.compare import compare

        return compare(self, before, after)

    def _changed(self, names: Iterable[str], since: str) -> tuple[str, ...]:
        from envcatalog.catalog.history.since import changed_environments

        asked = tuple(names)
        wanted = set(self._names(asked)) if asked else None
        changed = changed_environments(self, since)
        return tuple(name for name in changed if wanted is None or name in wanted)

    def _names(self, names: Iterable[str]) -> tuple[str, ...]:
        chosen = self._on_disk(names)
        for name in chosen:
            self.content.reading(name)
        return chosen or self.all_names()

    def _on_disk(self, names: Iterable[str]) -> tuple[str, ...]:
        """Names of a command on the files on disk; a reference that names nothing is told what there is."""
        from envcatalog.catalog.history.resolve import resolve_reference

        asked = tuple(names)
        for text in asked:
            if "@" in text:
                resolve_reference(self, text)
        return worktree_names(asked)
