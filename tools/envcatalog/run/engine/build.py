"""Builds under a Docker Engine: what it made is taken out again, normalised, and kept by us.

Of a build that succeeded the engine keeps its stages under the tags ``envcatalog-build/<environment>``, as a cache for
the next one. Of a build that failed or was stopped nothing is left there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from envcatalog.image.docker.archive import read_archive
from envcatalog.image.docker.image import known_layers, take_out
from envcatalog.image.docker.secrets import Guard
from envcatalog.model.docker import BuildSecret, DockerBase, DockerBuild
from envcatalog.model.errors import Refusal, UserError
from envcatalog.model.image import BaseImage, BuiltPlatform, Layer
from envcatalog.model.seams import Progress
from envcatalog.run.archive import docker_archive
from envcatalog.run.checks import RunnerFailed
from envcatalog.run.engine.client import connect, engine_errors, error_text
from envcatalog.run.engine.journal import Journal, journal
from envcatalog.run.engine.leftovers import forget, identity

CALL_SECONDS = 600
HINT = "start one, or name it by `DOCKER_HOST`; nothing was built"


class EngineBuilder:
    """The engine that ``DOCKER_HOST`` names, or the machine's own.

    Args:
        cache: for layers and temporary files.
        blob: the local file of a layer's compressed blob, for images that are loaded into the engine.
    """

    def __init__(self, cache: Path, progress: Progress, *, blob: Callable[[Layer], Path]) -> None:
        self._cache = cache
        self._progress = progress
        self._blob = blob

    def build(self, build: DockerBuild, secrets: Sequence[BuildSecret] = ()) -> BaseImage:
        """Build one platform's image and take it out; its own layers are in the cache afterwards.

        Raises:
            UserError: no engine answers, it stopped midway, or BuildKit is needed and no client has it.
            Refusal: the engine is for another platform, a step failed or took too long, or the image holds a secret.
        """
        given = _given(build, secrets)
        guard = Guard(given)
        with (
            self._engine(build.environment, (build.platform,)) as client,
            journal(self._cache, identity(client), partial(forget, client)) as notes,
            self._loaded(client, build, notes),
            self._built(client, build, given, guard, notes) as image,
        ):
            return self._take(client, image, build, guard)

    def check(self, name: str, platforms: Sequence[str]) -> None:
        """Whether an engine is here and can build for all of these, before anything is prepared for it.

        Raises:
            UserError: no engine answers.
            Refusal: it is for another platform.
        """
        with self._engine(name, platforms):
            return

    @contextmanager
    def _engine(self, name: str, platforms: Sequence[str]) -> Iterator[Any]:
        try:
            client = connect(CALL_SECONDS)
        except RunnerFailed as failure:
            raise UserError(f"`{name}` is built by a Docker Engine, and {failure}", HINT) from None
        try:
            with _translated(name):
                told = client.version()
            engine = f"{told.get('Os')}/{told.get('Arch')}"
            for platform in platforms:
                if engine == platform:
                    continue
                raise Refusal(
                    f"`{name}` is for `{platform}`, and the Docker Engine here builds for `{engine}`",
                    "name an engine of that platform by `DOCKER_HOST`, or leave the platform out of `platforms`",
                )
            yield client
        finally:
            client.close()

    @contextmanager
    def _loaded(self, client: Any, build: DockerBuild, notes: Journal) -> Iterator[None]:
        """The bases that the engine cannot pull, under their tags for as long as the build takes."""
        tags = []
        try:
            for base in build.bases:
                if base.load:
                    tags.append(base.reference)
                    notes.note("tag", base.reference)
                    with _translated(build.environment):
                        self._load(client, base, build)
            yield
        finally:
            for tag in tags:
                forget(client, "tag", tag)

    def _load(self, client: Any, base: DockerBase, build: DockerBuild) -> None:
        from docker.errors import DockerException

        self._progress.step(f"{build.environment}: loading its base into the engine")
        image = BuiltPlatform(
            platform=build.platform, config=base.config, manifest=b"", manifest_digest="", layers=base.layers
        )
        for message in client.load_image(
            docker_archive(image, tag=base.reference, blob=self._blob), quiet=True
        ):
            if "error" in message:  # the call itself succeeds whatever the engine thinks of the archive
                raise DockerException(str(message["error"]))

    @contextmanager
    def _built(
        self, client: Any, build: DockerBuild, secrets: Sequence[BuildSecret], guard: Guard, notes: Journal
    ) -> Iterator[str]:
        """The tag of the image, for as long as it is needed."""
        if build.buildkit or secrets:
            from envcatalog.run.engine.buildkit import build_with_buildkit

            with build_with_buildkit(client, build, secrets, guard, self._progress, notes) as image:
                yield image
            return
        from envcatalog.run.engine.classic import build_classic

        with build_classic(client, build, guard, self._progress, notes, self._cache) as image:
            yield image

    def _take(self, client: Any, image: str, build: DockerBuild, guard: Guard) -> BaseImage:
        self._progress.step(f"{build.environment}: taking the image out of the engine")
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="docker-", dir=self._cache) as folder:
            with _translated(build.environment):
                saved = read_archive(client.get_image(image), Path(folder), known_layers(build.bases))
            return take_out(saved, build.bases, self._cache, name=build.environment, guard=guard)


def _given(build: DockerBuild, secrets: Sequence[BuildSecret]) -> tuple[BuildSecret, ...]:
    """What the user gives, and of what the machine offers that which the Dockerfile asks for."""
    from envcatalog.run.engine.secrets import asked_for

    asked = asked_for(build.dockerfile)
    mine = {secret.id for secret in secrets if not secret.offered}
    return tuple(
        secret for secret in secrets if not secret.offered or (secret.id in asked and secret.id not in mine)
    )


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except engine_errors() as error:
        raise UserError(
            f"the Docker Engine failed while it built `{name}`: {error_text(error)}",
            "nothing was published; see whether the engine runs and has room on its disk, and run the command again",
        ) from None
