"""A Dockerfile and its context as a comparison sees them: every file as it is, whatever a lock says of them all."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from envcatalog.catalog.content import Content
from envcatalog.formats.docker.context import is_link, read_context
from envcatalog.model.digest import sha256_digest
from envcatalog.model.environment import Environment
from envcatalog.model.files import MODE_FILE, FolderFile
from envcatalog.model.lock import Lock

CONTENT = "content"


def read_files(content: Content, environment: Environment) -> Mapping[str, str] | None:
    """What the Dockerfile and each file of its context hold, by path of a change; None for no Dockerfile.

    Raises:
        Refusal: a file cannot be read.
    """
    wanted = environment.dockerfile
    if wanted is None:
        return None
    context = read_context(content.folder(environment.name), wanted)
    own = posixpath.relpath(posixpath.normpath(wanted.path), context.folder or ".")
    found = {f"context.{file.path}": _told(file) for file in context.files if file.path != own}
    return found | ({CONTENT: _told(context.dockerfile)} if context.dockerfile else {})


def dockerfile_values(lock: Lock | None, files: Mapping[str, str] | None) -> dict[str, str]:
    """What differs of a Dockerfile, by path below ``dockerfile.``.

    Args:
        files: None where they were not read: the lock's two digests stand for them.
    """
    locked = lock.dockerfile if lock else None
    images = {f"images.{image.image}": image.digest for image in locked.images} if locked else {}
    if files is not None:
        return {**files, **images}
    return {CONTENT: locked.dockerfile, "context.files": locked.context, **images} if locked else {}


def _told(file: FolderFile) -> str:
    """The digest of a file; what else it may be is part of what the build sees."""
    if is_link(file):
        return f"link to {file.read().decode(errors='replace')}"
    digest = sha256_digest(file.read())
    return digest if file.mode == MODE_FILE else f"{digest} (mode {file.mode[-3:]})"
