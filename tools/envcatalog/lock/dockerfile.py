"""What a Dockerfile is locked to: its own bytes, its context, and the digest of every image that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envcatalog.formats.docker.context import context_digest
from envcatalog.formats.docker.source import DockerfileSource, base_argument, read_source
from envcatalog.lock.images import ImageResolver, lock_image
from envcatalog.model.digest import sha256_digest
from envcatalog.model.environment import Environment, ImageBase
from envcatalog.model.errors import ProblemsFound, Refusal
from envcatalog.model.files import FolderFile
from envcatalog.model.lock import Lock, LockedDockerfile, LockedImage
from envcatalog.model.seams import Progress


def lock_dockerfile(
    environment: Environment,
    files: Sequence[FolderFile],
    *,
    previous: Lock | None,
    upgrade: bool,
    upgrade_packages: frozenset[str],
    images: ImageResolver,
    progress: Progress,
) -> LockedDockerfile:
    """The locked Dockerfile of an environment that has one. The image of `base` is the lock's own base.

    Args:
        files: of the environment's folder.
        previous: its last lock; digests in it are kept, unless upgraded.
        upgrade: look every image up again.
        upgrade_packages: images to look up again, as the lock names them.

    Raises:
        ProblemsFound: the Dockerfile has problems.
        Refusal: there is no Dockerfile, or an image is not made for a platform.
        UserError: an image cannot be looked up.
    """
    source = docker_source(environment, files)
    last = previous.dockerfile if previous else None
    platforms = tuple(sorted(environment.platforms))
    found = []
    for reference in image_references(source, environment):
        keep = not upgrade and reference not in upgrade_packages
        image = _kept(last, reference, platforms) if keep else None
        if image is None:
            progress.step(f"looking up the image {reference}")
            image = lock_image(ImageBase(image=reference), platforms, images)
        found.append(image)
    return LockedDockerfile(
        dockerfile=sha256_digest(source.data), context=context_digest(source.context), images=tuple(found)
    )


def is_current(locked: LockedDockerfile, environment: Environment, files: Sequence[FolderFile]) -> bool:
    """Whether the Dockerfile and its context are those that were locked; a file that is gone is a change."""
    try:
        source = docker_source(environment, files)
    except Refusal:
        return False
    same = locked.dockerfile == sha256_digest(source.data)
    return same and locked.context == context_digest(source.context)


def docker_source(environment: Environment, files: Sequence[FolderFile]) -> DockerfileSource:
    """The Dockerfile of an environment, sound.

    Raises:
        ProblemsFound: it has problems.
        Refusal: it cannot be read.
    """
    source = read_source(environment, files, f"catalog/{environment.name}")
    if isinstance(source, tuple):
        raise Refusal(f"`{environment.name}`: {source[0]}", source[1])
    errors = [problem for problem in source.problems if problem.severity == "error"]
    if errors:
        raise ProblemsFound(errors)
    return source


def image_references(source: DockerfileSource, environment: Environment) -> tuple[str, ...]:
    """Every image that the Dockerfile names, without the definition's own base."""
    own = set(base_argument(environment).values())
    return tuple(name for name in source.stages.references if name not in own)


def _kept(last: LockedDockerfile | None, reference: str, platforms: tuple[str, ...]) -> LockedImage | None:
    known = next((item for item in last.images if item.image == reference), None) if last else None
    manifests = dict(known.manifests) if known else {}
    if known is None or not set(platforms) <= set(manifests):
        return None
    return replace(known, manifests=tuple((name, manifests[name]) for name in platforms))
