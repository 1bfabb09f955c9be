"""The work of one task elsewhere: the ordinary publish of a few environments, in a clone of its own.

A worker shares nothing with others but the Git remote and the registry. What a killed one has done is found there
by whoever runs the task again; what it has not done is done then.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from envcatalog import __version__
from envcatalog.catalog.hooks.server import PushedCatalog
from envcatalog.catalog.places import SETTINGS_PATH, cache_folder, definition_path, lock_path
from envcatalog.git.clone import clone_at
from envcatalog.git.pushed import extract
from envcatalog.git.remote import sync_versions
from envcatalog.model.docker import BuildNetwork, BuildOptions
from envcatalog.model.environment import BuilderName
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.result import Published
from envcatalog.model.seams import Silent

Part = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is the same for all tasks of a publish; it travels to the workers, so it holds no secret.

    Attributes:
        origin: what to clone.
        author: name and address for the version tags.
        cache, scratch: folders; None for the worker's own.
        release: of envcat; layers of another one may differ.
    """

    origin: str
    commit: str
    registry: str
    checks: str
    message: str
    archived: bool
    author: tuple[str, str]
    cache: str | None = None
    scratch: str | None = None
    release: str = __version__
    builder: BuilderName | None = None
    network: BuildNetwork = "default"


class _Here(threading.local):
    """The clone of this thread: several tasks may run in one process."""

    job: Job | None = None
    catalog: PushedCatalog | None = None
    folder: Path | None = None


_here = _Here()


def publish_part(job: Job, part: Part) -> tuple[Published, ...]:
    """Publish these environments; one row for each. A refusal is a row, so that it stops nothing else.

    Raises:
        UserError: origin, registry or a mirror cannot be reached, or the releases of envcat differ.
    """
    if job.release != __version__:
        raise UserError(
            f"a worker has envcat {__version__}, but {job.release} publishes", "install the same release"
        )
    try:
        return _publish(job, part)
    except Refusal as error:
        if len(part) > 1:  # what is sound is published; what was before the refusal is found to be done
            return tuple(row for name in part for row in publish_part(job, (name,)))
        return (refused(part[0], error.message),)
    except UserError as error:  # a plain one, since it travels
        raise UserError(error.message, error.hint) from None


def refused(name: str, reason: str) -> Published:
    """The row of an environment that was not published."""
    return Published(environment=name, version=None, image="", digest="", status="refused", reason=reason)


def _publish(job: Job, part: Part) -> tuple[Published, ...]:
    catalog = _catalog(job)
    try:
        bases = _bases(catalog, part)
        if bases:  # published a moment ago by another worker: their layers are then reused, not built
            sync_versions(catalog.repository, "origin", bases)
        return catalog.publish(
            part, registry=job.registry, checks=job.checks, message=job.message, archived=job.archived
        )
    finally:
        catalog.repository.close()


def _bases(catalog: PushedCatalog, part: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for name in part:
        with suppress(UserError):
            found |= {item.name for item in catalog.content.chain(name)}
    return found - set(part)


def _catalog(job: Job) -> PushedCatalog:
    if _here.job == job and _here.catalog is not None:
        return _here.catalog
    if _here.catalog is not None and _here.folder is not None:
        _here.catalog.close()
        shutil.rmtree(_here.folder, ignore_errors=True)
        _here.job = _here.catalog = None
    folder = Path(tempfile.mkdtemp(prefix="envcat-publish-", dir=job.scratch or _worker_folder()))
    try:
        catalog = _cloned(job, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _here.job, _here.catalog, _here.folder = job, catalog, folder
    return catalog


def _cloned(job: Job, folder: Path) -> PushedCatalog:
    root = folder / "files"
    root.mkdir()
    repository = clone_at(job.origin, job.commit, folder / "catalog.git", root=root, author=job.author)
    cache = Path(job.cache) if job.cache else cache_folder()
    catalog = PushedCatalog(repository, cache=cache, progress=Silent())
    catalog.builder, catalog.build_options = job.builder, BuildOptions(network=job.network)
    ours = {path for name in catalog.content.names for path in (definition_path(name), lock_path(name))}
    extract(repository, job.commit, root, without=frozenset(ours | {SETTINGS_PATH}))
    return catalog


def _worker_folder() -> str | None:
    """A Dask worker's own folder, which it removes when it ends; the machine's temporary one elsewhere."""
    with suppress(ImportError, ValueError, AttributeError):
        from distributed import get_worker

        return str(get_worker().local_directory)
    return None
