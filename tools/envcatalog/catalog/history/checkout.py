"""`checkout`: an environment as it was at a reference, with all that it inherits from, as a small catalog of its own.

Paths come from a commit, and a commit may come from anybody: nothing is written outside the new folder, which appears
in one step; no link is made or followed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envcatalog.catalog.history.resolve import Resolved
from envcatalog.catalog.lifecycle import refuse_archived_use
from envcatalog.catalog.places import SETTINGS_PATH
from envcatalog.git.repository import CatalogRepository
from envcatalog.git.trees import FOLDER, files
from envcatalog.git.write import init
from envcatalog.model.errors import Refusal, UserError

if TYPE_CHECKING:
    from envcatalog.catalog.sdk import Catalog

MAX_FILE = 64 * 1024 * 1024
SCHEMAS = "schemas"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOut:
    """What was written.

    Attributes:
        commit: None for the work tree.
        environments: the bases first, the chosen one last.
        image: digest of the version's image; empty where the reference is no published version.
        plan: plan digest; empty where the environment cannot be planned, and `note` says why.
    """

    name: str
    folder: Path
    commit: str | None
    version: int | None
    environments: tuple[str, ...]
    files: int
    image: str
    plan: str
    note: str = ""


def checkout(catalog: Catalog, text: str, folder: Path, *, archived: bool = False) -> CheckedOut:
    """Write the files of a reference into a folder that does not exist yet, or is empty.

    Args:
        archived: also what is archived.

    Raises:
        UserError: the reference names nothing, or the folder cannot be written.
        Refusal: the folder holds something or is a link, a file is none that can be checked out, or the environment
            is archived and `archived` False.
    """
    found = catalog.find(text)
    if not archived:
        refuse_archived_use(catalog.content, found.name, "check out")
    _check_target(folder)
    chain = tuple(environment.name for environment in found.content.chain(found.name))
    plan, note = _plan(found)
    paths = (SETTINGS_PATH, SCHEMAS, *(f"{FOLDER}/{name}" for name in chain))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Not `.tmp` inside of the folder itself: what is killed leaves no half catalog under the chosen name.
        part = folder.parent / f".{folder.name[:40]}.{secrets.token_hex(8)}"
        part.mkdir()
    except OSError as error:
        raise UserError(f"`{folder}` cannot be made: {(error.strerror or '').lower()}") from error
    try:
        count = 0
        taken: set[str] = set()
        for path, data, executable in _files(catalog.repository, found, paths):
            _check_path(path, taken)
            _write(part, path, data, executable)
            count += 1
        init(part).close()
        if folder.is_dir():
            folder.rmdir()
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return CheckedOut(
        name=found.name,
        folder=folder,
        commit=found.commit,
        version=found.version.number if found.version else None,
        environments=chain,
        files=count,
        image=found.version.image if found.version else "",
        plan=plan,
        note=note,
    )


def _check_target(folder: Path) -> None:
    if folder.is_symlink():
        raise Refusal(f"`{folder}` is a symbolic link", "choose a folder that does not exist yet")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refusal(f"`{folder}` is not empty", "choose a folder that does not exist yet, or an empty one")


def _plan(found: Resolved) -> tuple[str, str]:
    try:
        return found.content.plan(found.name).digest, ""
    except UserError as error:
        return "", error.message


def _files(
    repository: CatalogRepository, found: Resolved, paths: tuple[str, ...]
) -> Iterator[tuple[str, bytes, bool]]:
    if found.commit is None:
        yield from _work_tree_files(repository, paths)
        return
    for path, file in sorted(files(repository, found.commit, *paths).items()):
        if not file.is_file:
            raise _not_a_file(path, file.oddity)
        blob = repository.objects.read(file.id, limit=MAX_FILE)
        if blob.size > MAX_FILE:
            raise _not_a_file(path, f"is larger than {MAX_FILE // 1024 // 1024} MiB")
        yield path, blob.data, file.mode == "100755"


def _work_tree_files(
    repository: CatalogRepository, paths: tuple[str, ...]
) -> Iterator[tuple[str, bytes, bool]]:
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths)
    listed = repository.processes.output(*arguments).decode(errors="surrogateescape").split("\0")[:-1]
    for path in sorted(set(listed)):
        place = repository.root / path
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            continue  # deleted, and the deletion is not committed
        if not stat.S_ISREG(mode) or any(parent.is_symlink() for parent in _inside(repository.root, place)):
            raise _not_a_file(path, "is not a plain file")
        if place.stat().st_size > MAX_FILE:
            raise _not_a_file(path, f"is larger than {MAX_FILE // 1024 // 1024} MiB")
        yield path, place.read_bytes(), bool(mode & stat.S_IXUSR)


def _inside(root: Path, place: Path) -> Iterator[Path]:
    for parent in place.parents:
        if parent == root:
            return
        yield parent


def _check_path(path: str, taken: set[str]) -> None:
    """No part that leaves the folder, names a Git folder, or means something else on another file system."""
    for part in path.split("/"):
        plain = unicodedata.normalize("NFC", part).casefold()
        if (
            plain in ("", ".", "..", ".git")
            or plain.startswith("git~")
            or any(sign in part for sign in '\\:\0"<>|?*')
        ):
            raise _not_a_file(path, "has a name that is not safe on every machine")
        if not part.isprintable():
            raise _not_a_file(path, "has a name that cannot be shown")
    same = unicodedata.normalize("NFC", path).casefold()
    if same in taken:
        raise _not_a_file(path, "differs from another file only in the spelling of its letters")
    taken.add(same)


def _write(root: Path, path: str, data: bytes, executable: bool) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(place, flags, 0o777 if executable else 0o666), "wb") as file:  # noqa: PTH123
        file.write(data)


def _not_a_file(path: str, oddity: str) -> Refusal:
    return Refusal(f"`{path}` {oddity}, and only plain files are checked out")
