"""The OCI image configuration of one platform: the base's, with our settings and layers added.

Source: OCI image specification 1.1, "Image Configuration". Times are fixed and nothing comes from Git or the
machine, so the same plan gives the same bytes anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from envcatalog.image.runtime import SYSTEM_PATH, expand_path
from envcatalog.model.digest import canonical_json
from envcatalog.model.errors import Refusal
from envcatalog.model.image import BaseImage, Layer
from envcatalog.model.plan import PlatformPlan, RuntimeConfig

CREATED = "1980-01-01T00:00:00Z"
AUTHOR = "envcat"

# Of a base's configuration only what the specification knows is kept; Docker's own `container` and
# `container_config` tell of a build that was another one's.
_KEPT = ("author", "os.version", "os.features", "variant")


def image_config(platform: PlatformPlan, base: BaseImage | None, layers: Sequence[Layer]) -> bytes:
    """The configuration's bytes.

    Args:
        layers: the platform's own layers in order, without the base's.

    Raises:
        Refusal: the base's configuration is not one, or is for another platform.
    """
    system, _, architecture = platform.platform.partition("/")
    below = _parse(base) if base else {}
    found = f"{below.get('os')}/{below.get('architecture')}"
    if base and found != platform.platform:
        raise Refusal(f"the base image `{base.image}` is for `{found}` and not for `{platform.platform}`")
    config = {key: below[key] for key in _KEPT if key in below}
    if architecture == "arm64":
        config.setdefault("variant", "v8")
    return _canonical(
        base,
        {
            **config,
            "created": CREATED,
            "os": system,
            "architecture": architecture,
            "config": _settings(_mapping(below.get("config")), platform.config),
            "rootfs": {
                "type": "layers",
                "diff_ids": [*_diff_ids(base, below), *(layer.diff_id for layer in layers)],
            },
            "history": [*_base_history(base, below), *(_history(layer.title) for layer in platform.layers)],
        },
    )


def _settings(base: Mapping[str, Any], ours: RuntimeConfig) -> dict[str, Any]:
    """The ``config`` object: what the base says, with ours added or in its place."""
    settings = dict(base)
    settings["Env"] = _env(_strings(base.get("Env")), ours.env)
    if ours.entrypoint:
        settings["Entrypoint"] = list(ours.entrypoint)
        settings.pop("Cmd", None)  # it was meant for the base's entrypoint; a Dockerfile drops it, too
    if ours.command:
        settings["Cmd"] = list(ours.command)
    if ours.user:
        settings["User"] = ours.user
    if ours.workdir:
        settings["WorkingDir"] = ours.workdir
    if ours.ports:
        exposed: dict[str, Any] = {f"{port}/tcp": {} for port in ours.ports}
        settings["ExposedPorts"] = {**_mapping(base.get("ExposedPorts")), **exposed}
    settings["Labels"] = {**_mapping(base.get("Labels")), **dict(ours.labels)}
    return settings


def _env(base: Sequence[str], ours: Sequence[tuple[str, str]]) -> list[str]:
    values = dict(pair.partition("=")[::2] for pair in base)
    for name, value in ours:
        values[name] = expand_path(value, values.get("PATH", SYSTEM_PATH)) if name == "PATH" else value
    return [f"{name}={value}" for name, value in values.items()]


def _history(title: str) -> dict[str, str]:
    return {"created": CREATED, "created_by": f"envcat layer: {title}", "author": AUTHOR}


def _diff_ids(base: BaseImage | None, below: Mapping[str, Any]) -> list[str]:
    if base is None:
        return []
    found = _strings(_mapping(below.get("rootfs")).get("diff_ids"))
    if len(found) != len(base.layers):
        raise Refusal(
            f"the base image `{base.image}` has {len(base.layers)} layers,"
            f" but its configuration names {len(found)}"
        )
    return found


def _base_history(base: BaseImage | None, below: Mapping[str, Any]) -> list[Any]:
    """The base's history, if it fits its layers: engines assign ours to layers by counting."""
    if base is None:
        return []
    history = below.get("history")
    if isinstance(history, list) and all(isinstance(entry, dict) for entry in history):
        filled = [entry for entry in history if not entry.get("empty_layer")]
        if len(filled) == len(base.layers):
            return history
    return [{"created": CREATED, "created_by": f"layer of {base.image}"} for _ in base.layers]


def _parse(base: BaseImage) -> dict[str, Any]:
    def refuse(number: str) -> NoReturn:
        raise ValueError(number)  # a number whose spelling is not fixed

    try:
        config = json.loads(base.config, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise _malformed(base)
    return config


def _canonical(base: BaseImage | None, config: dict[str, Any]) -> bytes:
    try:
        return canonical_json(config)
    except (TypeError, ValueError, RecursionError) as error:  # surrogates, or nested beyond sense
        if base is None:
            raise
        raise _malformed(base) from error


def _malformed(base: BaseImage) -> Refusal:
    return Refusal(f"the configuration of the base image `{base.image}` cannot be read")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
