"""Reuse: the layers of a published image by key, and nothing from a malformed one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from envcatalog.image.reuse import layers_of
from envcatalog.model.digest import sha256_digest
from envcatalog.model.image import MEDIA_LAYER_GZIP, Layer

KEY, BLOB, TAR, BASE = (sha256_digest(name.encode()) for name in ("key", "blob", "tar", "base"))


def descriptor(**values: Any) -> dict[str, Any]:
    return {
        "mediaType": MEDIA_LAYER_GZIP,
        "digest": BLOB,
        "size": 9,
        "annotations": {"io.envcatalog.layer.key": KEY},
        **values,
    }


def layers(*descriptors: object, diff_ids: object = (TAR,)) -> dict[str, Layer]:
    manifest = json.dumps({"layers": descriptors}).encode()
    config = json.dumps({"rootfs": {"diff_ids": diff_ids}}).encode()
    return layers_of(manifest, config, "sklearn")


def test_layers_with_a_key_are_found_with_their_diff_id_by_position() -> None:
    base = {"mediaType": MEDIA_LAYER_GZIP, "digest": BASE, "size": 1}
    found = layers(base, descriptor(), diff_ids=[BASE, TAR])
    assert found == {KEY: Layer(key=KEY, digest=BLOB, size=9, diff_id=TAR, repository="sklearn")}


@pytest.mark.parametrize(
    "values",
    [
        {"mediaType": "application/vnd.oci.image.layer.v1.tar"},
        {"digest": "sha256:../../etc"},
        {"digest": None},
        {"size": -1},
        {"size": True},
        {"size": "9"},
        {"annotations": None},
        {"annotations": {"io.envcatalog.layer.key": "x"}},
        {"annotations": {"io.envcatalog.layer.key": KEY, "io.envcatalog.layer.claims": "["}},
        {"annotations": {"io.envcatalog.layer.key": KEY, "io.envcatalog.layer.claims": "[1]"}},
        {"annotations": {"io.envcatalog.layer.key": KEY, "io.envcatalog.layer.claims": 1}},
    ],
)
def test_a_malformed_descriptor_is_passed_over(values: dict[str, Any]) -> None:
    assert layers(descriptor(**values)) == {}


def test_a_malformed_manifest_or_configuration_gives_nothing() -> None:
    assert layers(descriptor(), diff_ids=[]) == {}
    assert layers(descriptor(), diff_ids=["x"]) == {}
    assert layers(descriptor(), diff_ids=5) == {}
    assert layers("x") == {}
    for data in (b"", b"[]", b"null", b"\xff", b"[" * 100_000):
        assert layers_of(data, data, "sklearn") == {}
