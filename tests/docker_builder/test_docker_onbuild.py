"""What a base image would run in every build on it is in no lock."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from envcatalog.catalog.building.docker_building import image_base
from envcatalog.model.errors import Refusal
from envcatalog.model.image import BaseImage
from envcatalog.model.lock import LockedImage

DIGEST = "sha256:" + "0" * 64
LOCKED = LockedImage(image="registry.example.com/base:1", digest=DIGEST, manifests=(("linux/amd64", DIGEST),))


def workshop(config: dict[str, Any]) -> Any:
    image = BaseImage(
        image=LOCKED.image, manifest_digest=DIGEST, config=json.dumps(config).encode(), layers=()
    )
    return SimpleNamespace(base=lambda _: image)


def test_a_base_with_triggers_is_refused() -> None:
    config = {"config": {"OnBuild": ["COPY --from=registry.example.com/other:1 / /"]}}
    with pytest.raises(Refusal) as caught:
        image_base(workshop(config), LOCKED, "linux/amd64")
    assert caught.value.message == (
        "the image `registry.example.com/base:1` has `ONBUILD` instructions, which would run in the build and are in "
        "no lock"
    )


@pytest.mark.parametrize(
    "config", [{}, {"config": None}, {"config": {"OnBuild": None}}, {"config": {"OnBuild": []}}]
)
def test_a_base_without_is_pulled_by_digest(config: dict[str, Any]) -> None:
    base = image_base(workshop(config), LOCKED, "linux/amd64")
    assert base.reference == f"registry.example.com/base@{DIGEST}"
