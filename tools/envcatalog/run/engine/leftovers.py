"""What builds leave in an engine: stages under tags, as a cache for the next build, and nothing of unfinished ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from envcatalog.model.docker import KEY_BUILD, DockerBuild
from envcatalog.run.engine.client import engine_errors, error_text
from envcatalog.run.engine.log import ClassicLog

BASE, CACHE = "envcatalog-base", "envcatalog-build"
CONFLICT = 409
FREE_SECONDS = 20


def identity(client: Any) -> str:
    """Which engine it is."""
    with suppress(*engine_errors()):
        return str(client.info().get("ID") or "")
    return ""


def forget_all(client: Any, log: ClassicLog) -> None:
    """Remove what an unfinished build made; the engine may be gone, or do it itself at the same time."""
    for container in log.containers:
        forget(client, "container", container)
    for image in reversed(log.images):
        forget(client, "image", image)


def forget(client: Any, kind: str, name: str) -> None:
    """Remove a tag of ours, or an image or a container by its id if a build made it; errors are passed over."""
    with suppress(*engine_errors()):
        if kind == "tag" and name.startswith((f"{BASE}:", f"{CACHE}/")):
            client.remove_image(name)
        elif kind == "container" and _is_ours(client.inspect_container(name)):
            client.remove_container(name, force=True, v=True)
        elif kind == "image" and _is_ours(client.inspect_image(name)):
            _remove_when_free(client, name)


def _remove_when_free(client: Any, image: str) -> None:
    """An engine that was told to stop may still be removing the container of the step, which uses the image."""
    from docker.errors import APIError

    deadline = time.monotonic() + FREE_SECONDS
    while True:
        try:
            client.remove_image(image)
            return
        except APIError as error:
            used = error.status_code == CONFLICT and "container" in error_text(error)
            if not used or time.monotonic() > deadline:
                return
        time.sleep(0.1)


def _is_ours(told: dict[str, Any]) -> bool:
    # The log says what was made, and a step may print whatever it likes into the log.
    return KEY_BUILD in ((told.get("Config") or {}).get("Labels") or {})


def repository(build: DockerBuild) -> str:
    """Where the tags of an environment's builds are."""
    return f"{CACHE}/{build.environment}"


def keep_stages(client: Any, build: DockerBuild, stages: Sequence[str], image: str) -> None:
    """Tag the last images of the stages, so that the next build finds them, and drop what had the tags before."""
    architecture = build.platform.rpartition("/")[2]
    wanted = {f"{architecture}-{index}": stage for index, stage in enumerate(stages[:-1]) if stage}
    wanted[architecture] = image
    with suppress(*engine_errors()):
        before = _tags(client, repository(build), architecture)
        for tag, stage in wanted.items():
            if _is_ours(client.inspect_image(stage)):
                client.tag(stage, repository(build), tag, force=True)
        after = _tags(client, repository(build), architecture)
        for tag, old in before.items():
            if tag not in wanted:
                client.remove_image(f"{repository(build)}:{tag}")
            elif after.get(tag) != old:
                with suppress(*engine_errors()):  # it may be a stage of another build
                    client.remove_image(old)


def _tags(client: Any, repository: str, architecture: str) -> dict[str, str]:
    found = {}
    for image in client.images(repository):
        for name in image.get("RepoTags") or ():
            tag = name.rpartition(":")[2]
            if tag.partition("-")[0] == architecture:
                found[tag] = str(image["Id"])
    return found
