"""An image that an engine built, as one of ours: base layers as they are, own layers normalised and compressed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, BinaryIO

from envcatalog.image.assemble import assemble_image, assemble_platform
from envcatalog.image.cache import LayerCache
from envcatalog.image.codec import CODEC, BlockGzip, Compressed
from envcatalog.image.config import CREATED
from envcatalog.image.docker.archive import SavedImage, SavedLayer
from envcatalog.image.docker.layers import Sources, learn_sources, times_below, write_normal
from envcatalog.image.docker.plan import NORMAL_FORM
from envcatalog.image.docker.secrets import Guard, Guarded
from envcatalog.model.digest import Json, canonical_json, json_digest
from envcatalog.model.docker import KEY_BUILD, DockerBase
from envcatalog.model.image import BaseImage, BuiltImage, Layer
from envcatalog.model.plan import ImagePlan

# Of a container's settings what an image keeps. Source: OCI image specification, "Image Configuration", and
# Docker's additions that its engines read from an image.
_KEPT = (
    "User ExposedPorts Env Entrypoint Cmd Volumes WorkingDir Labels StopSignal Healthcheck"
    " Shell OnBuild ArgsEscaped"
)
_SETTINGS = frozenset(_KEPT.split())
_TOP = ("architecture", "os", "variant", "os.version", "os.features", "author")


def take_out(
    saved: SavedImage, bases: Sequence[DockerBase], cache: Path, *, name: str, guard: Guard
) -> BaseImage:
    """The image of one platform; its own layers are in the cache afterwards.

    Args:
        bases: what it was built from; the one that it shares most layers with is what it stands on.
        name: of the environment, for messages.
        guard: what must be in no byte of it.

    Raises:
        Refusal: a layer cannot be read, or holds a secret; nothing of it is kept.
    """
    base = _standing_on([layer.diff_id for layer in saved.layers], bases)
    below = base.layers if base else ()
    config = _config(saved.config, base, guard)
    guard.check(canonical_json(config), "its configuration or history")
    folder = cache / "blobs" / "sha256"
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Layer] = []
    sources = Sources()
    try:
        for layer in saved.layers[len(below) :]:
            if guard.longest:  # to be looked at, whatever was seen of it before
                made.append(_layer(layer, folder, sources, guard))
            else:
                made.append(_kept_layer(layer, cache, sources))
    except BaseException:
        for kept in made:
            if kept.path is not None:
                kept.path.unlink(missing_ok=True)
        raise
    layers = (*below, *made)
    config["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    data = canonical_json(config)
    return BaseImage(image=name, manifest_digest=json_digest(config), config=data, layers=layers)


def assemble_docker(plan: ImagePlan, images: Mapping[str, BaseImage]) -> BuiltImage:
    """The image over its platforms, with what the definition sets on top of what the Dockerfile does.

    Raises:
        Refusal: too many layers, or a platform's image is for another one.
    """
    return assemble_image(
        plan,
        [
            # The plan's layers went into the engine; what came out has layers of its own.
            assemble_platform(plan, replace(platform, layers=()), images[platform.platform], ())
            for platform in plan.platforms
        ],
    )


def _standing_on(diff_ids: Sequence[str], bases: Sequence[DockerBase]) -> DockerBase | None:
    best: DockerBase | None = None
    for base in bases:
        theirs = [layer.diff_id for layer in base.layers]
        if theirs == list(diff_ids[: len(theirs)]) and (best is None or len(theirs) > len(best.layers)):
            best = base
    return best


def known_layers(bases: Sequence[DockerBase]) -> frozenset[str]:
    """Diff ids that need not be taken out of an engine: those of an image that something may stand on."""
    return frozenset(layer.diff_id for base in bases for layer in base.layers)


def _config(config: Mapping[str, Any], base: DockerBase | None, guard: Guard) -> dict[str, Any]:
    """The configuration without traces of the build: times, containers, the engine's version, our own label."""
    told = config.get("config")
    settings = {
        key: value
        for key, value in (told if isinstance(told, dict) else {}).items()
        if key in _SETTINGS and value not in (None, "", [], {}, False)
    }
    labels = {key: value for key, value in settings.get("Labels", {}).items() if key != KEY_BUILD}
    settings["Labels"] = labels
    return {
        **{key: config[key] for key in _TOP if config.get(key)},
        "created": CREATED,
        "config": settings,
        "history": list(_history(config, base, guard)),
    }


def _history(config: Mapping[str, Any], base: DockerBase | None, guard: Guard) -> Iterator[dict[str, Any]]:
    theirs = json.loads(base.config).get("history") if base else None
    below = theirs if isinstance(theirs, list) else []
    told = config.get("history")
    entries = [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
    common = len(below) if len(entries) >= len(below) else 0
    yield from (entry for entry in below[:common])
    for entry in entries[common:]:
        step = str(entry.get("created_by", ""))
        if KEY_BUILD in step and entry.get("empty_layer"):
            continue
        kept: dict[str, Any] = {"created": CREATED, "created_by": guard.mask(step)}
        if entry.get("empty_layer"):
            kept["empty_layer"] = True
        yield kept


def _kept_layer(layer: SavedLayer, cache: Path, sources: Sources) -> Layer:
    """The layer, which is made once for the same bytes and the same sources below it, whatever else changed there."""
    kept = LayerCache(cache)
    with layer.path.open("rb") as stream:
        times: dict[str, Json] = {**times_below(stream, sources)}
        key = json_digest(
            {"normal-form": NORMAL_FORM, "codec": CODEC, "layer": layer.diff_id, "sources": times}
        )
        stream.seek(0)
        found = kept.find(key)
        if found is not None:
            learn_sources(stream, sources)
        else:
            found = kept.store(key, lambda out: (_packed(stream, out, sources, Guard()), ()))
    layer.path.unlink()
    return replace(found, key="")


def _packed(stream: IO[bytes], out: BinaryIO, sources: Sources, guard: Guard) -> Compressed:
    writer = BlockGzip(out)
    write_normal(stream, Guarded(writer, guard), sources)
    return writer.close()


def _layer(layer: SavedLayer, folder: Path, sources: Sources, guard: Guard) -> Layer:
    handle, name = tempfile.mkstemp(dir=folder, prefix=".docker-", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out, layer.path.open("rb") as stream:
            packed = _packed(stream, out, sources, guard)
        layer.path.unlink()
        path = folder / packed.digest.removeprefix("sha256:")
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return Layer(key="", digest=packed.digest, size=packed.size, diff_id=packed.diff_id, path=path)
