"""What a Docker Engine is to build, as plain data: the same for a user's Dockerfile and for one that we render."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from envcatalog.model.image import Layer

BuildNetwork = Literal["default", "host", "none"]
BUILD_SECONDS = 3600.0

# Set on all that a build leaves in an engine, its containers and images; never in the published image.
KEY_BUILD = "io.envcatalog.build"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFile:
    """One file of the build context.

    Attributes:
        path: relative to the context, with ``/``.
        mode: ``0o644`` or ``0o755``; 0 for a symbolic link.
        source: the bytes, a local file, or a function that reads the bytes when they are needed.
        link: target of a symbolic link; empty for a file.
    """

    path: str
    mode: int = 0o644
    source: bytes | Path | Callable[[], bytes] = field(default=b"", repr=False)
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerBase:
    """An image that the Dockerfile starts or copies from.

    Attributes:
        reference: as it stands in the Dockerfile: ``HOST/PATH@sha256:...``, which the engine pulls, or a tag under
            which the image is loaded into the engine first.
        config, layers: of this platform. What the result shares with it from the first layer on is taken over as it
            is, by digest; never packed anew.
        load: give it to the engine under the tag `reference`; the engine pulls nothing.
    """

    reference: str
    config: bytes = field(repr=False)
    layers: tuple[Layer, ...]
    load: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSecret:
    """A secret that `RUN --mount=type=secret,id=...` sees; in no layer, no history, no log and no cache.

    Attributes:
        offered: given by the machine (certificates, credentials of indexes) and not by the user: it is passed on only
            where the Dockerfile asks for it.
    """

    id: str
    value: bytes = field(repr=False)
    offered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerBuild:
    """One platform's build.

    Attributes:
        dockerfile: the text to build; every image in it is one of `bases`, a stage, or ``scratch``.
        origin: file to name in messages; its lines are those of `dockerfile`.
        context: sorted by path.
        args: build arguments, sorted; they end up in the image's history.
        target: stage to build; None for the last.
        network: of ``RUN`` steps.
        buildkit: needs BuildKit: it has ``RUN --mount``, heredocs or ``# syntax=``.
        timeout: seconds for the whole build.
        fresh: run every step, also those that the engine has in its cache.
    """

    environment: str
    platform: str
    dockerfile: str
    origin: str = "Dockerfile"
    context: tuple[ContextFile, ...] = ()
    bases: tuple[DockerBase, ...] = ()
    args: tuple[tuple[str, str], ...] = ()
    target: str | None = None
    network: BuildNetwork = "default"
    buildkit: bool = False
    timeout: float = BUILD_SECONDS
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What a command says about docker builds.

    Attributes:
        secrets: by id, each once.
        network, timeout, fresh: as in `DockerBuild`.
    """

    secrets: tuple[BuildSecret, ...] = ()
    network: BuildNetwork = "default"
    timeout: float = BUILD_SECONDS
    fresh: bool = False
