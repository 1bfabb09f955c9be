"""`doctor`: what this machine has for the main job and around it, and what to do about what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.catalog.places import cache_folder
from envcatalog.model.errors import UserError
from envcatalog.model.result import Finding, FindingState
from envcatalog.model.settings import Settings

if TYPE_CHECKING:
    from envcatalog.git.repository import CatalogRepository

GIT_FLOOR = (2, 34)
MANY_COMMITS = 5_000
SUITE = "bookworm"


def examine(folder: Path, registry: str | None) -> tuple[Finding, ...]:
    """Findings in the order of the flow. ``missing`` only for what the main job cannot do without."""
    probes: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _git,
        lambda: _catalog(folder),
        _uv,
        lambda: _debian(folder),
        _codec,
        _checks,
        _buildkit,
        lambda: _registry(folder, registry),
        _cache,
    )
    return tuple(finding for probe in probes for finding in _guarded(probe))


def _guarded(probe: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from probe()
    except UserError as error:
        yield Finding(
            name=getattr(probe, "__name__", "probe").strip("_"),
            state="warning",
            detail=error.message,
            hint=error.hint,
        )


def _python() -> Iterator[Finding]:
    yield Finding(name="python", state="ok", detail=f"{platform.python_version()} at {sys.executable}")


def _git() -> Iterator[Finding]:
    found = shutil.which("git")
    if not found:
        yield Finding(
            name="git", state="missing", detail="not found on PATH", hint="install Git 2.34 or newer"
        )
        return
    text = _first_line([found, "--version"]).removeprefix("git version ")
    numbers = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    old = numbers < GIT_FLOOR
    yield Finding(
        name="git",
        state="missing" if old else "ok",
        detail=text,
        hint="install Git 2.34 or newer" if old else "",
    )


def _catalog(folder: Path) -> Iterator[Finding]:
    from envcatalog.git.repository import CatalogRepository

    try:
        with CatalogRepository.open(folder) as repository:
            if not (repository.root / "catalog").is_dir():
                yield Finding(
                    name="catalog",
                    state="warning",
                    detail=f"no `catalog/` in {repository.root}",
                    hint="run `envcat init` to make one",
                )
                return
            shallow = " (shallow: older versions cannot be read)" if repository.is_shallow else ""
            yield Finding(
                name="catalog",
                state="warning" if shallow else "ok",
                detail=f"{repository.root}{shallow}",
                hint="run `git fetch --unshallow --tags`" if shallow else "",
            )
            yield _history(repository)
    except UserError as error:
        yield Finding(name="catalog", state="warning", detail=error.message, hint=error.hint)


def _history(repository: CatalogRepository) -> Finding:
    from envcatalog.git.history import count_commits, has_changed_paths

    if has_changed_paths(repository):
        return Finding(name="history", state="ok", detail="a commit-graph with changed paths")
    count = count_commits(repository, most=MANY_COMMITS)
    if count < MANY_COMMITS:
        return Finding(name="history", state="ok", detail=f"{count} commits, few enough to walk")
    return Finding(
        name="history",
        state="warning",
        detail=f"{MANY_COMMITS} commits or more, and no commit-graph with changed paths: `log` and `blame` are slow",
        hint="run `git commit-graph write --reachable --changed-paths`",
    )


def _uv() -> Iterator[Finding]:
    from uv import find_uv_bin

    try:
        yield Finding(name="uv", state="ok", detail=_first_line([find_uv_bin(), "--version"]))
    except FileNotFoundError:
        yield Finding(
            name="uv",
            state="missing",
            detail="the uv package has no program",
            hint="reinstall envcatalog: `pip install --force-reinstall uv`",
        )


def _debian(folder: Path) -> Iterator[Finding]:
    from envcatalog.lock.debian.mirrors import machine_keyrings, mirrors_of

    settings = _settings(folder)
    try:
        names = []
        for mirror in mirrors_of(settings):
            suites = ", ".join(mirror.suites).replace("{suite}", SUITE)
            names.append(f"{mirror.name} ({suites or 'single files'})")
        yield Finding(name="debian mirror", state="ok", detail=", ".join(names))
    except UserError as error:
        yield Finding(name="debian mirror", state="warning", detail=error.message, hint=error.hint)
    keyrings = [settings.keyring] if settings.keyring else [str(path) for path in machine_keyrings(SUITE)]
    yield Finding(
        name="debian keyring",
        state="ok" if keyrings else "warning",
        detail=", ".join(keyrings)
        or "none found: what is locked can be built, but Debian cannot be locked anew",
        hint=""
        if keyrings
        else "install debian-archive-keyring, or set `debian.keyring` in catalog/catalog.yaml",
    )


def _codec() -> Iterator[Finding]:
    from envcatalog.image.codec import CODEC, check_codec

    try:
        check_codec()
        yield Finding(name="layer codec", state="ok", detail=CODEC)
    except UserError as error:
        yield Finding(name="layer codec", state="missing", detail=error.message, hint=error.hint)


def _checks() -> Iterator[Finding]:
    from envcatalog.model.host import host_platform
    from envcatalog.run.runners import default_runners

    titles = {"engine": "docker engine", "namespace": "user namespaces"}
    reasons = {
        titles[runner.name]: runner.unavailable(host_platform()) for runner in default_runners(cache_folder())
    }
    anywhere = any(reason is None for reason in reasons.values())
    for name, reason in reasons.items():
        hint = "" if anywhere else "checks of definitions cannot run here; the version's tag will say so"
        yield Finding(
            name=name, state="warning" if reason else "ok", detail=reason or "checks can run here", hint=hint
        )


def _buildkit() -> Iterator[Finding]:
    from envcatalog.run.engine.buildkit import find_client

    program = find_client()
    yield Finding(
        name="buildkit",
        state="ok" if program else "warning",
        detail=program or "no `docker` command here has it",
        hint=""
        if program
        else "Dockerfiles with `RUN --mount`, and builds with secrets, cannot be built here",
    )


def _registry(folder: Path, registry: str | None) -> Iterator[Finding]:
    where = registry or _settings(folder).registry
    if where is None:
        yield Finding(
            name="registry",
            state="warning",
            detail="none is set",
            hint="use `--registry`, ENVCAT_REGISTRY, or `registry:` in catalog/catalog.yaml",
        )
        return
    from contextlib import closing

    from envcatalog.registry.open import open_registry

    try:
        with closing(open_registry(where, cache=cache_folder())) as opened:
            opened.repository("doctor").tags()
        yield Finding(name="registry", state="ok", detail=where)
    except UserError as error:
        yield Finding(name="registry", state="warning", detail=error.message, hint=error.hint)


def _cache() -> Iterator[Finding]:
    folder = cache_folder()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    writable = os.access(existing, os.W_OK)
    state: FindingState = "ok"
    hint = ""
    if not writable:
        state, hint = "missing", "set ENVCATALOG_CACHE to a folder that can be written"
    elif free < 2 << 30:
        state, hint = (
            "warning",
            "an image needs up to three times its size; set ENVCATALOG_CACHE to a larger disk",
        )
    yield Finding(name="cache", state=state, detail=f"{folder}, {free / 1e9:.1f} GB free", hint=hint)


def _settings(folder: Path) -> Settings:
    from envcatalog.catalog.sdk import Catalog

    try:
        with Catalog.open(folder) as catalog:
            return catalog.content.settings
    except UserError:
        return Settings()


def _first_line(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return (result.stdout or result.stderr).strip().split("\n")[0]
