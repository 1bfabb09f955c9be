"""The build context of a Dockerfile: which files it has, and the digest of them all."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from envcatalog.formats.docker.dockerignore import Ignore, read_dockerignore
from envcatalog.model.digest import json_digest, sha256_digest
from envcatalog.model.environment import Dockerfile
from envcatalog.model.errors import Refusal
from envcatalog.model.files import MODE_LINK, FolderFile

FORMAT = 1
# Ours: the lock holds the context's digest, and metadata in the definition must change no image.
OURS = ("environment.yaml", "lock.json")
IGNORE = ".dockerignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A build context.

    Attributes:
        folder: below the environment's folder; empty for the folder itself.
        files: those that the build sees, sorted; paths are relative to `folder`.
        left_out: paths that the ignore file leaves out, sorted.
        ignore, ignore_path: the ignore file, and its path below the environment's folder; empty for none.
        dockerfile: the Dockerfile, wherever it is; None where it is missing.
    """

    folder: str
    files: tuple[FolderFile, ...]
    left_out: tuple[str, ...]
    ignore: Ignore
    ignore_path: str
    ignore_text: str
    dockerfile: FolderFile | None


def read_context(files: Iterable[FolderFile], dockerfile: Dockerfile) -> Context:
    """The context of an environment's folder; `environment.yaml` and `lock.json` are never part of it.

    Raises:
        Refusal: an ignore file cannot be read, or the name of a file is not UTF-8.
    """
    known = {file.path: file for file in files}
    path, folder = posixpath.normpath(dockerfile.path), posixpath.normpath(dockerfile.context)
    folder = "" if folder == "." else folder
    prefix = f"{folder}/" if folder else ""
    # BuildKit's rule: a file of the Dockerfile's own comes before the context's.
    ignore_path = next((name for name in (path + IGNORE, prefix + IGNORE) if name in known), "")
    if ignore_path and is_link(known[ignore_path]):
        raise Refusal(f"`{ignore_path}` is a symbolic link", "put a plain file there")
    text = known[ignore_path].read().decode("utf-8", "replace") if ignore_path else ""
    ignore = read_dockerignore(text)
    below = sorted(name for name in known if name.startswith(prefix) and name not in OURS)
    kept, left_out = [], []
    for name in below:
        inside = name.removeprefix(prefix)
        if ignore.ignores(inside):
            left_out.append(inside)
        else:
            file = known[name]
            _check_name(inside)
            kept.append(FolderFile(path=inside, mode=file.mode, read=file.read))
    return Context(
        folder=folder,
        files=tuple(kept),
        left_out=tuple(left_out),
        ignore=ignore,
        ignore_path=ignore_path,
        ignore_text=text,
        dockerfile=known.get(path),
    )


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        raise Refusal(
            f"the file name `{shown[:100]}` is not UTF-8", "rename it, or leave it out by `.dockerignore`"
        ) from None


def context_digest(context: Context) -> str:
    """Digest of paths, modes and contents; neither times nor what is left out come into it.

    Raises:
        Refusal: a file is too large, or cannot be read.
    """
    entries = [[file.path, file.mode, sha256_digest(file.read())] for file in context.files]
    return json_digest({"format": FORMAT, "files": entries})


def is_link(file: FolderFile) -> bool:
    """Whether it is a symbolic link."""
    return file.mode == MODE_LINK


def link_target(file: FolderFile) -> str | None:
    """Where a link leads, relative to the context; None for out of it, or for an absolute path."""
    target = file.read().decode("utf-8", "surrogateescape")
    if target.startswith("/"):
        return None
    found = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), target))
    return None if found == ".." or found.startswith("../") else found
