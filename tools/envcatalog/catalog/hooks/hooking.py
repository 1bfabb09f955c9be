"""Git hooks of ours: put into a repository, taken out again, and never over somebody else's.

A hook is a small shell script that calls the `envcat` that installed it, by the absolute path of its Python.
"""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from envcatalog.catalog.writing import write_file
from envcatalog.git.pushed import hooks_folder
from envcatalog.git.repository import CatalogRepository, is_bare
from envcatalog.model.errors import UserError

SERVER_HOOKS = ("pre-receive", "post-receive")
CLONE_HOOKS = ("pre-commit", "pre-push")
ALL_HOOKS = (*SERVER_HOOKS, *CLONE_HOOKS)
MARKER = "# Made by `envcat hooks install`; `envcat hooks uninstall` removes it."
CHAINED = ".chained"
_READS_STDIN = ("pre-receive", "post-receive", "pre-push")

HookStatus = Literal["installed", "chained", "unchanged", "removed", "restored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """What was done with one hook; `chained` means that another program's hook runs before ours."""

    name: str
    path: Path
    status: HookStatus


def open_for_hooks(folder: Path) -> CatalogRepository:
    """The repository around a folder, bare or not."""
    return CatalogRepository.open_bare(folder) if is_bare(folder) else CatalogRepository.open(folder)


def install_hooks(folder: Path, *, server: bool = False, chain: bool = False) -> tuple[Hook, ...]:
    """Install `pre-receive` and `post-receive` in a bare repository, `pre-commit` and `pre-push` in a clone.

    Args:
        server: insist on a bare repository.
        chain: keep a hook that is there already and run it first, instead of refusing.

    Raises:
        UserError: a hook is there already and `chain` is False, `server` and the repository is not bare, or its
            hooks are outside of it. Nothing was written.
    """
    with open_for_hooks(folder) as repository:
        if server and not repository.layout.is_bare:
            raise UserError(
                f"`{folder}` is not a bare repository", "leave out `--server` for a working clone"
            )
        place = _own_folder(repository)
        names = SERVER_HOOKS if repository.layout.is_bare else CLONE_HOOKS
        foreign = [name for name in names if _is_foreign(place / name)]
        if foreign and not chain:
            raise UserError(
                f"there is a hook `{foreign[0]}` already, in `{place / foreign[0]}`",
                "use `--chain` to run it first and then ours",
            )
        taken = [name for name in foreign if _exists(place / (name + CHAINED))]
        if taken:
            raise UserError(f"`{place / (taken[0] + CHAINED)}` is in the way", "move it elsewhere")
        place.mkdir(parents=True, exist_ok=True)
        return tuple(_install(place, name) for name in names)


def uninstall_hooks(folder: Path) -> tuple[Hook, ...]:
    """Remove our hooks; a hook that was chained before ours gets its place back. Others stay as they are."""
    with open_for_hooks(folder) as repository:
        place = _own_folder(repository)
    done = []
    for name in ALL_HOOKS:
        path, chained = place / name, place / (name + CHAINED)
        if not _exists(path) or _is_foreign(path):
            continue
        if _exists(chained):
            chained.replace(path)
        else:
            path.unlink()
        done.append(Hook(name=name, path=path, status="restored" if _exists(path) else "removed"))
    return tuple(done)


def script(name: str, *, chained: bool) -> str:
    """The text of a hook."""
    # `-P`: a module in the current folder, which may be somebody's tree, must not be taken for one of ours.
    ours = f'{shlex.quote(sys.executable)} -P -m envcatalog hooks run {name} "$@"'
    lines = ["#!/bin/sh", MARKER]
    if not chained:
        return "\n".join([*lines, f"exec {ours}", ""])
    if name not in _READS_STDIN:
        return "\n".join([*lines, f'"$0{CHAINED}" "$@" || exit $?', f"exec {ours}", ""])
    lines += [
        "lines=$(cat)",
        'say() { [ -z "$lines" ] || printf \'%s\\n\' "$lines"; }',
        f'say | "$0{CHAINED}" "$@" || exit $?',
        f"say | {ours}",
    ]
    return "\n".join([*lines, ""])


def _install(place: Path, name: str) -> Hook:
    path, chained = place / name, place / (name + CHAINED)
    if _is_foreign(path):
        path.replace(chained)
    text = script(name, chained=_exists(chained)).encode()
    status: HookStatus = "chained" if _exists(chained) else "installed"
    if path.is_file() and path.read_bytes() == text:
        status = "unchanged"
    write_file(path, text)
    path.chmod(0o755)
    return Hook(name=name, path=path, status=status)


def _own_folder(repository: CatalogRepository) -> Path:
    place = hooks_folder(repository)
    layout = repository.layout
    inside = (layout.root, layout.git_dir, layout.common_dir)
    if not any(place.resolve().is_relative_to(folder.resolve()) for folder in inside):
        raise UserError(
            f"`core.hooksPath` sends the hooks to `{place}`, which other repositories may share",
            "run `git config core.hooksPath .git/hooks` here, or call `envcat hooks run NAME` from those hooks",
        )
    return place


def _is_foreign(path: Path) -> bool:
    if not _exists(path):
        return False
    if path.is_symlink() or not path.is_file():
        return True
    return MARKER.encode() not in path.read_bytes().splitlines()[:3]


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()
