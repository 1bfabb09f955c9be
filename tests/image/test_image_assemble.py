"""Configuration, manifest and index: golden digests, and what a base image's settings become."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from envcatalog.image.assemble import assemble_image, assemble_platform
from envcatalog.model.digest import sha256_digest
from envcatalog.model.errors import Refusal
from envcatalog.model.image import BaseImage, BuiltPlatform, Layer
from envcatalog.model.plan import BaseManifest, ImagePlan, LayerPlan, PlatformPlan, RuntimeConfig

AMD, ARM = "linux/amd64", "linux/arm64"
BASE = "registry.example.com/python:3.11"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest(text: str) -> str:
    return sha256_digest(text.encode())


def layer(title: str) -> Layer:
    return Layer(
        key=digest("key " + title), digest=digest(title), size=len(title), diff_id=digest("tar " + title)
    )


TITLES = ("Debian root", "numpy 2.2.0")
LAYERS = tuple(map(layer, TITLES))
CONFIG = RuntimeConfig(
    env=(("LANG", "C.UTF-8"), ("PATH", "/opt/env/bin:/usr/bin")),
    user="1000:1000",
    workdir="/home/app",
    command=("python",),
    ports=(80, 5001),
    labels=(("io.envcatalog.environment", "sklearn"), ("org.opencontainers.image.title", "sklearn")),
)


def platform_plan(platform: str = AMD, base: BaseManifest | None = None, **config: Any) -> PlatformPlan:
    return PlatformPlan(
        platform=platform,
        base=base,
        layers=tuple(LayerPlan(key=digest("key " + title), kind="wheels", title=title) for title in TITLES),
        config=replace(CONFIG, **config),
    )


def plan(*platforms: PlatformPlan) -> ImagePlan:
    return ImagePlan(environment="sklearn", digest=digest("plan"), platforms=platforms, python=None)


def base_image(config: object, count: int = 1, media_type: str = DOCKER_LAYER) -> BaseImage:
    layers = tuple(replace(layer(f"base {n}"), key="", media_type=media_type) for n in range(count))
    data = config if isinstance(config, bytes) else json.dumps(config).encode()
    return BaseImage(image=BASE, manifest_digest=digest("base"), config=data, layers=layers)


def base_config(**values: Any) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [digest("tar base 0")]},
        **values,
    }


def built(base: BaseImage | None = None, platform: str = AMD, **config: Any) -> BuiltPlatform:
    found = BaseManifest(image=base.image, digest=base.manifest_digest) if base else None
    planned = platform_plan(platform, found, **config)
    return assemble_platform(plan(planned), planned, base, LAYERS)


def settings(base: BaseImage, **config: Any) -> dict[str, Any]:
    return json.loads(built(base, **config).config)["config"]  # type: ignore[no-any-return]


def test_the_image_digest_is_this() -> None:
    planned = (platform_plan(), platform_plan(ARM))
    platforms = [assemble_platform(plan(*planned), platform, None, LAYERS) for platform in planned]
    assert (
        assemble_image(plan(*planned), platforms).digest
        == "sha256:5e545ead0430534e3785ee6a03e23b2d91e9ce7a8c7252a57cf06f2fac8af8cd"
    )


def test_a_configuration_from_scratch_has_all_of_it() -> None:
    assert json.loads(built().config) == {
        "architecture": "amd64",
        "os": "linux",
        "created": "1980-01-01T00:00:00Z",
        "config": {
            "Env": ["LANG=C.UTF-8", "PATH=/opt/env/bin:/usr/bin"],
            "User": "1000:1000",
            "WorkingDir": "/home/app",
            "Cmd": ["python"],
            "ExposedPorts": {"80/tcp": {}, "5001/tcp": {}},
            "Labels": {"io.envcatalog.environment": "sklearn", "org.opencontainers.image.title": "sklearn"},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest("tar Debian root"), digest("tar numpy 2.2.0")]},
        "history": [
            {
                "created": "1980-01-01T00:00:00Z",
                "created_by": f"envcat layer: {title}",
                "author": "envcat",
            }
            for title in TITLES
        ],
    }


def test_the_manifest_names_key_and_title_of_each_layer() -> None:
    made = built()
    gzip = "application/vnd.oci.image.layer.v1.tar+gzip"
    assert json.loads(made.manifest) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": sha256_digest(made.config),
            "size": len(made.config),
        },
        "layers": [
            {
                "mediaType": gzip,
                "digest": digest(title),
                "size": len(title),
                "annotations": {
                    "io.envcatalog.layer.key": digest("key " + title),
                    "io.envcatalog.layer.title": title,
                },
            }
            for title in TITLES
        ],
        "annotations": {"io.envcatalog.environment": "sklearn", "io.envcatalog.plan": digest("plan")},
    }
    assert made.manifest_digest == sha256_digest(made.manifest)
    assert made.layers == LAYERS


def test_the_index_names_platforms_and_arm64_has_its_variant() -> None:
    platforms = [built(), built(platform=ARM)]
    image = assemble_image(plan(platform_plan()), platforms)
    index = json.loads(image.index)
    assert image.digest == sha256_digest(image.index)
    assert (image.environment, image.plan) == ("sklearn", digest("plan"))
    assert [(entry["digest"], entry["size"], entry["platform"]) for entry in index["manifests"]] == [
        (
            platforms[0].manifest_digest,
            len(platforms[0].manifest),
            {"architecture": "amd64", "os": "linux"},
        ),
        (
            platforms[1].manifest_digest,
            len(platforms[1].manifest),
            {"architecture": "arm64", "os": "linux", "variant": "v8"},
        ),
    ]
    assert index["annotations"] == {
        "io.envcatalog.environment": "sklearn",
        "io.envcatalog.plan": digest("plan"),
    }
    assert json.loads(platforms[1].config)["variant"] == "v8"


def test_a_bases_settings_stay_and_ours_are_added() -> None:
    base = base_image(
        base_config(
            author="someone",
            container="abc",
            created="2026-01-01T00:00:00.123Z",
            config={
                "Env": ["PATH=/usr/local/bin:/bin", "GPG_KEY=a=b", "LANG=de"],
                "Cmd": ["python3"],
                "User": "root",
                "ExposedPorts": {"22/tcp": {}},
                "Labels": {"vendor": "acme", "org.opencontainers.image.title": "python"},
                "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30000000000},
            },
            history=[{"created_by": "ADD rootfs"}, {"created_by": "ENV", "empty_layer": True}],
        )
    )
    made = built(base, env=(("A", "1"), ("LANG", "C"), ("PATH", "/opt/env/bin:${PATH}")))
    config = json.loads(made.config)
    assert config["config"] == {
        "Env": ["PATH=/opt/env/bin:/usr/local/bin:/bin", "GPG_KEY=a=b", "LANG=C", "A=1"],
        "Cmd": ["python"],
        "User": "1000:1000",
        "WorkingDir": "/home/app",
        "ExposedPorts": {"22/tcp": {}, "80/tcp": {}, "5001/tcp": {}},
        "Labels": {
            "vendor": "acme",
            "io.envcatalog.environment": "sklearn",
            "org.opencontainers.image.title": "sklearn",
        },
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 30000000000},
    }
    assert config["author"] == "someone"
    assert config["created"] == "1980-01-01T00:00:00Z"
    assert "container" not in config
    assert [entry["created_by"] for entry in config["history"]] == [
        "ADD rootfs",
        "ENV",
        "envcat layer: Debian root",
        "envcat layer: numpy 2.2.0",
    ]
    assert config["rootfs"]["diff_ids"] == [
        digest("tar base 0"),
        digest("tar Debian root"),
        digest("tar numpy 2.2.0"),
    ]


def test_what_the_definition_does_not_say_the_base_says() -> None:
    base = base_image(base_config(config={"Cmd": ["bash"], "Entrypoint": ["tini"], "User": "u"}))
    none = {"env": (), "user": None, "workdir": None, "command": None, "ports": (), "labels": ()}
    assert settings(base, **none) == {
        "Cmd": ["bash"],
        "Entrypoint": ["tini"],
        "User": "u",
        "Env": [],
        "Labels": {},
    }


def test_an_entrypoint_drops_the_bases_command() -> None:
    base = base_image(base_config(config={"Cmd": ["bash"]}))
    made = settings(base, entrypoint=("serve",), command=None)
    assert (made["Entrypoint"], made.get("Cmd")) == (["serve"], None)


def test_a_base_without_a_path_gets_the_usual_one_behind_ours() -> None:
    made = settings(base_image(base_config()), env=(("PATH", "/opt/env/bin:${PATH}"),))
    usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert made["Env"] == [f"PATH=/opt/env/bin:{usual}"]


def test_a_bases_layers_come_first_without_a_key_and_with_an_oci_type() -> None:
    made = built(base_image(base_config()), labels=(("org.opencontainers.image.base.name", BASE),))
    manifest = json.loads(made.manifest)
    assert manifest["layers"][0] == {
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
        "digest": digest("base 0"),
        "size": 6,
    }
    assert manifest["annotations"]["org.opencontainers.image.base.name"] == BASE
    assert [found.digest for found in made.layers] == [
        digest("base 0"),
        digest("Debian root"),
        digest("numpy 2.2.0"),
    ]


@pytest.mark.parametrize("history", [None, [], "x", [{}, {}], [1]])
def test_a_history_that_does_not_fit_the_bases_layers_is_replaced(history: object) -> None:
    made = json.loads(built(base_image(base_config(history=history))).config)
    assert [entry["created_by"] for entry in made["history"]] == [
        f"layer of {BASE}",
        "envcat layer: Debian root",
        "envcat layer: numpy 2.2.0",
    ]


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (base_image(b"{"), f"the configuration of the base image `{BASE}` cannot be read"),
        (base_image([]), f"the configuration of the base image `{BASE}` cannot be read"),
        (base_image(b"[" * 100_000), f"the configuration of the base image `{BASE}` cannot be read"),
        (base_image(base_config(x=1.5)), f"the configuration of the base image `{BASE}` cannot be read"),
        (
            base_image(base_config(author="\ud800")),
            f"the configuration of the base image `{BASE}` cannot be read",
        ),
        (
            base_image(base_config(architecture="arm64")),
            f"the base image `{BASE}` is for `linux/arm64` and not for `linux/amd64`",
        ),
        (
            base_image(base_config(), count=2),
            f"the base image `{BASE}` has 2 layers, but its configuration names 1",
        ),
        (
            base_image(base_config(), media_type="application/x-tar"),
            f"the base image `{BASE}` has a layer of the kind `application/x-tar`",
        ),
        (
            base_image(base_config(), count=126),
            "the image of `sklearn` for `linux/amd64` would have 128 layers, and no more than 127 can be"
            " mounted",
        ),
    ],
)
def test_a_base_that_cannot_be_built_upon_is_refused(base: BaseImage, message: str) -> None:
    with pytest.raises(Refusal) as raised:
        built(base)
    assert raised.value.message == message
