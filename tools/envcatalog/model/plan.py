"""What an image will consist of, as plain data, and what is to be done about it. Computed without building."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envcatalog.model.environment import BuilderName
from envcatalog.model.lock import Artefact, Interpreters

LAYER_FORMAT = 1

LayerKind = Literal["root", "debs", "environment", "conda", "spark", "jars", "wheels", "files"]
ActionKind = Literal["build", "skip", "retag", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonTarget:
    """Where wheels go and how their byte code is made.

    Attributes:
        version: minor version, ``3.11``.
        interpreter: absolute path in the image.
        bytecode: full version of the compiling interpreter, ``3.11.2``.
    """

    version: str
    interpreter: str
    bytecode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """One layer.

    Attributes:
        key: digest of all that determines the layer's bytes, in the OCI spelling.
        title: for people: ``scikit-learn 1.6.1`` or ``9 small packages``.
        platform: only set in what it determines (``debs``, ``wheels`` of that platform); part of no title.
        artefacts: sorted by name; empty for ``root`` and ``environment``.
        python: for ``environment``, ``conda``, ``spark``, ``jars``, ``wheels``, and those ``debs`` that hold
            Python modules.
        links: for ``files``: path without a leading slash to target, sorted.
        texts: for ``files``: path without a leading slash to content, sorted.
        requested: for ``conda``: name of a package to the MatchSpec that asks for it, sorted.
    """

    key: str
    kind: LayerKind
    title: str
    artefacts: tuple[Artefact, ...] = ()
    python: PythonTarget | None = None
    links: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    requested: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseManifest:
    """A base image's manifest for one platform, by digest, and where it was found when it was locked."""

    image: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeConfig:
    """The OCI image configuration that we set; None or empty keeps the base's own.

    Attributes:
        env: ``NAME=value`` pairs, added to (and overriding) the base's.
        labels: added to (and overriding) the base's.
    """

    env: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    workdir: str | None = None
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    ports: tuple[int, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformPlan:
    """The image of one platform: base, then layers in order (a parent environment's layers come first)."""

    platform: str
    base: BaseManifest | None
    layers: tuple[LayerPlan, ...]
    config: RuntimeConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """What will be built for one environment; `digest` is the plan digest."""

    environment: str
    digest: str
    platforms: tuple[PlatformPlan, ...]
    python: PythonTarget | None
    bytecode_interpreters: Interpreters = ()
    builder: BuilderName = "embedded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What `publish` would do for one environment, and why.

    Attributes:
        plan: plan digest; empty where it cannot be computed (refuse).
        version: the version that exists (skip, retag) or would be made (build); None for refuse.
        builder, builder_reason: which builder the image needs, and why; None where it cannot be told, and no reason
            where it goes without saying.
    """

    environment: str
    action: ActionKind
    reason: str
    plan: str = ""
    version: int | None = None
    hint: str = ""
    builder: BuilderName | None = None
    builder_reason: str = ""
