"""`publish --executor`: the same publish, spread over processes of this machine or over somebody's Dask cluster.

Bases come first, since a child's image starts with its base's layers; all the rest is independent. Workers share the
Git remote and the registry and nothing else, so a lost worker's task is simply run again, wherever.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from envcatalog.catalog.content import Content
from envcatalog.catalog.publishing.actions import plan_actions
from envcatalog.catalog.publishing.part import Job, Part, refused
from envcatalog.catalog.publishing.publish import TOGETHER, publish_names
from envcatalog.catalog.publishing.versioning import refuse_uncommitted, remote_in_step
from envcatalog.git.clone import clone_url, committer
from envcatalog.model.errors import UserError
from envcatalog.model.result import Published

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

Rows = tuple[Published, ...]
_TASKS_EACH = 4  # tasks for each worker: a slow one, or a lost one, then holds up little


class Executor(Protocol):
    """Where tasks run."""

    def run(self, job: Job, parts: Sequence[Part]) -> Iterator[tuple[Part, Rows]]:
        """Publish each part, in any order and at the same time; a part whose worker is lost is run again.

        Raises:
            UserError: a task's own, or no worker is left.
        """

    def close(self) -> None:
        """Give back what is held; tasks that have not ended are cancelled."""

    @property
    def workers(self) -> int:
        """How many tasks run at a time, at least 1."""

    @property
    def is_local(self) -> bool:
        """Whether tasks may use this machine's cache."""


def open_executor(text: str) -> Executor | None:
    """``processes:N`` or ``dask://HOST:PORT``; None for ``inline``, the publish of this process.

    Raises:
        UserError: anything else; Dask is not installed, or no scheduler answers.
    """
    if text == "inline":
        return None
    if found := re.fullmatch(r"processes:([0-9]{1,3})", text):
        from envcatalog.catalog.publishing.executor_processes import Processes

        return Processes(max(1, int(found[1])))
    if found := re.fullmatch(r"dask://([A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})", text):
        from envcatalog.catalog.publishing.executor_dask import Dask

        return Dask(f"{found[1]}:{found[2]}")
    raise UserError(
        f"there is no executor `{text[:80]}`", "write `inline`, `processes:N` or `dask://HOST:PORT`"
    )


def publish_on(
    catalog: Catalog,
    names: Sequence[str],
    executor: Executor,
    *,
    registry: str,
    checks: str,
    message: str,
    archived: bool = False,
) -> Rows:
    """As `catalog.publishing.publish`, with the builds on the executor; one row for each name, bases before children.

    Raises:
        UserError: as `catalog.publishing.publish`; what was published before stays, and running it again does the rest.
    """
    commit = catalog.repository.require_head()
    refuse_uncommitted(catalog, names)
    remote = remote_in_step(catalog, names)
    content = catalog.at(commit)
    with closing(catalog.open_registry(registry)) as opened:
        actions = plan_actions(
            content, names, catalog.versions_of(names), catalog.at, opened, archived=archived
        )
    build = [action.environment for action in actions if action.action == "build"]
    rest = [action.environment for action in actions if action.action != "build"]
    rows = {
        row.environment: row
        for row in publish_names(
            catalog, rest, registry=registry, checks=checks, message=message, archived=archived
        )
    }
    if not build:
        return tuple(rows[action.environment] for action in actions)
    job = Job(
        origin=clone_url(catalog.repository, remote),
        commit=commit,
        registry=_absolute(registry),
        checks=checks,
        message=message,
        archived=archived,
        author=committer(catalog.repository),
        cache=str(catalog.cache) if executor.is_local else None,
        builder=catalog.builder,
        network=catalog.build_options.network,
    )
    for stage in stages(content, build, executor.workers):
        _run(catalog, content, executor, job, stage, rows)
    if remote is not None:
        remote_in_step(catalog, build)  # the versions that the workers made, here too
    return tuple(rows[action.environment] for action in actions)


def stages(content: Content, names: Sequence[str], workers: int) -> Iterator[tuple[Part, ...]]:
    """Parts that may run at the same time: bases of the first level, of the second ..., then all the rest.

    Args:
        names: bases before children.
    """
    chains = {name: [item.name for item in content.chain(name)] for name in names}
    needed = {base for chain in chains.values() for base in chain[:-1]} & set(names)
    levels: dict[int, list[Part]] = {}
    for name in names:
        if name in needed:
            levels.setdefault(len(needed.intersection(chains[name])), []).append((name,))
    for level in sorted(levels):
        yield tuple(levels[level])
    rest = sorted((name for name in names if name not in needed), key=lambda name: (chains[name][0], name))
    size = max(1, min(TOGETHER, math.ceil(len(rest) / (workers * _TASKS_EACH))))
    if rest:
        yield tuple(tuple(rest[start : start + size]) for start in range(0, len(rest), size))


def _run(
    catalog: Catalog,
    content: Content,
    executor: Executor,
    job: Job,
    parts: Sequence[Part],
    rows: dict[str, Published],
) -> None:
    """Take the rows in as they come; what has a refused base is refused."""
    sound: list[Part] = []
    for part in parts:
        lost = {name: base for name in part if (base := _refused_base(content, name, rows))}
        for name, base in lost.items():
            _take(catalog, rows, refused(name, f"its base `{base}` was refused"))
        if left := tuple(name for name in part if name not in lost):
            sound.append(left)
    for _, published in executor.run(job, sound):
        for row in published:
            _take(catalog, rows, row)


def _take(catalog: Catalog, rows: dict[str, Published], row: Published) -> None:
    rows[row.environment] = row
    done = f"{row.status} {row.environment}"
    catalog.progress.step(f"{done}: {row.reason}" if row.status == "refused" else f"{done}@{row.version}")


def _refused_base(content: Content, name: str, rows: dict[str, Published]) -> str | None:
    bases = [item.name for item in content.chain(name)][:-1]
    return next((base for base in bases if base in rows and rows[base].status == "refused"), None)


def _absolute(registry: str) -> str:
    """An OCI layout is a folder that all workers see, whatever folder they run in."""
    return (
        f"oci:{Path(registry.removeprefix('oci:')).absolute()}" if registry.startswith("oci:") else registry
    )
